"""Decides what is asked next.

First the name, then the questions that stand before it in copier.yml, then a preset, then what the
preset leaves open, then a summary.

How a question is shown is up to the asker: `Menus`, or `Plain` for line mode.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Any, Final, NamedTuple

from scaffold.interview.prompts import BACK, Asker, Choice, Prompt
from scaffold.template.answers import preset_answers
from scaffold.template.questions import Questionnaire, Refused, Step
from scaffold.template.render import preload
from scaffold.template.spec import Question
from scaffold.terminal import console
from scaffold.terminal.errors import Problem
from scaffold.terminal.signals import Interrupted

_PRESET: Final = "_preset"
_CUSTOM: Final = "_custom"
_ACCEPT: Final = "_accept"
_PREVIEW: Final = "_preview"
_CANCEL: Final = "_cancel"
_CUSTOM_LABEL: Final = "custom"
_WHICH_PRESET: Final = "What kind of service?"
_SEPARATOR: Final = " — "
_YES_OR_NO: Final = (Choice(True, "yes"), Choice(False, "no"))

Preview = Callable[[Mapping[str, Any], int], list[str]]
"""Describes the files that answers lead to, in at most as many lines as the number says."""
Vet = Callable[[str, Any], None]
"""Raises a `Problem` if the answer to a question cannot be used; copier.yml does not know why."""


class Collected(NamedTuple):
    """All answers, and the preset that they started from, if any."""

    answers: Mapping[str, Any]
    preset: str | None


def ask(
    questionnaire: Questionnaire,
    given: Mapping[str, Any],
    *,
    preset: str | None,
    asker: Asker,
    preview: Preview,
    vet: Vet = lambda _question, _answer: None,
) -> Collected:
    """Ask for the answers of a new project, until the user accepts the summary.

    `given` has priority over the preset; `preset` is the one already chosen, if any. The user can
    go back at every question.

    Raises:
        Problem: a given answer is not valid. The answers are checked while the first question is on
            the screen.
        Interrupted: the user cancelled.
    """
    typed: dict[str, Any] = {}
    if preset is not None:
        preset_answers(questionnaire.template, preset)
        typed[_PRESET] = preset
    with asker:
        interview = _Interview(questionnaire, given, asker, typed, _NEW, preview, vet)
        interview.run()
        return Collected(interview.known(), interview.preset())


def revise(
    questionnaire: Questionnaire,
    current: Mapping[str, Any],
    *,
    asker: Asker,
    preview: Preview | None = None,
) -> Mapping[str, Any]:
    """Show the answers of an existing project in a summary, until the user accepts the changes.

    The name cannot be changed. An answer that is not valid any more is asked for first.

    Raises:
        Interrupted: the user cancelled.
    """
    asked = {question.name for question in questionnaire.template.asked}
    answers = {name: value for name, value in current.items() if name in asked}
    with asker:
        interview = _Interview(questionnaire, answers, asker, {}, _EXISTING, preview)
        interview.is_checked = True  # an answer that is not valid is no error here
        interview.run()
        return interview.known()


def complete(
    questionnaire: Questionnaire,
    given: Mapping[str, Any],
    reasons: Mapping[str, str],
    *,
    asker: Asker,
) -> Mapping[str, Any]:
    """Ask the questions that `given` leaves open, without a summary.

    `reasons` says for some of them why they are asked again.

    Raises:
        Problem: a given answer is not valid.
        Interrupted: the user cancelled.
    """
    with asker:
        interview = _Interview(questionnaire, given, asker, {}, _EXISTING)
        interview.refusals.update(reasons)
        interview.fill()
        return interview.known()


def agree(question: str, *, asker: Asker) -> bool:
    """Ask a yes-or-no question; the default is yes."""
    prompt = Prompt(question, _YES_OR_NO, default=True)
    with asker:
        while (answer := asker.ask(prompt, lambda: None)) is BACK:
            pass  # there is no question before this one
    return bool(answer)


def asker(*, plain: bool = False) -> Asker:
    """The asker that fits the terminal; with `plain`, the one for line mode."""
    if plain or not console.can_redraw():
        from scaffold.interview.plain import Plain

        return Plain()
    from scaffold.interview.menus import Menus  # imported late: line mode does without questionary

    return Menus()


class _Purpose(NamedTuple):
    """What the answers are for, as the summary says it."""

    heading: str
    accept: Choice
    preview: Choice
    preview_title: str
    cancel: Choice
    name_is_fixed: str
    """Why the name cannot be changed, if it was given."""
    has_presets: bool


_NEW: Final = _Purpose(
    "Create {name} with these answers? Select one to change it.",
    Choice(_ACCEPT, "create", "Create the service"),
    Choice(_PREVIEW, "files", "Show the files first"),
    "The files of {name}",
    Choice(_CANCEL, "cancel", "Write nothing"),
    name_is_fixed="from PATH",
    has_presets=True,
)
_EXISTING: Final = _Purpose(
    "The answers of {name}. Select one to change it.",
    Choice(_ACCEPT, "apply", "Apply the changes"),
    Choice(_PREVIEW, "files", "Show the changed files first"),
    "Changed files of {name}",
    Choice(_CANCEL, "cancel", "Change nothing"),
    name_is_fixed="cannot be changed",
    has_presets=False,
)


@dataclass
class _Interview:
    questionnaire: Questionnaire
    given: Mapping[str, Any]
    asker: Asker
    typed: dict[str, Any]
    purpose: _Purpose
    preview: Preview | None = None
    vet: Vet = lambda _question, _answer: None
    trail: list[str] = field(default_factory=list)
    """The questions that were asked, in order; Shift-Tab goes back along it."""
    memory: dict[str, Any] = field(default_factory=dict)
    """The last answer to each question: the default when it is asked again."""
    refusals: dict[str, str] = field(default_factory=dict)
    """Answers of a preset or a flag that are not valid any more, and why."""
    is_checked: bool = False

    def run(self) -> None:
        """Ask the open questions, then show the summary until it is accepted."""
        self.fill()
        while (decision := self._ask(self._summary())) != _ACCEPT:
            if decision is BACK:
                self.fill(again=self._previous())
            else:
                self._follow(decision)
                self.fill()

    def fill(self, again: str | None = None) -> None:
        """Ask all open questions; `again` is a question to ask first, although it has an answer."""
        while name := again or self._next():
            answer = self._ask(self._prompt(name))
            if answer is BACK:
                again = self._previous() or name
            else:
                again = None
                self._put(name, answer)
                self.trail = [*(asked for asked in self.trail if asked != name), name]

    def known(self) -> dict[str, Any]:
        """Answers so far: typed ones have priority over given ones, and both over the preset."""
        preset = self._decided_by(self.preset())
        known = {
            name: value
            for name, value in {**preset, **self.given}.items()
            if name not in self.refusals
        }
        return {**known, **{name: self.typed[name] for name in self.typed if name != _PRESET}}

    def _follow(self, decision: str) -> None:
        """Do what was selected in the summary. Shift-Tab in a question keeps its answer."""
        if decision == _CANCEL:
            raise Interrupted(signal.SIGINT)
        if decision == _PREVIEW and self.preview:
            answers = self.known()
            title = self.purpose.preview_title.format(name=answers["name"])
            self.asker.show(title, partial(self.preview, answers))
        elif (answer := self._ask(self._prompt(decision))) is not BACK:
            self._put(decision, answer)

    def _ask(self, prompt: Prompt) -> Any:
        return self.asker.ask(prompt, self._prepare)

    def _prepare(self) -> None:
        """Do the slow work while the user reads the first question.

        It imports Jinja to check the given answers, and copier, which renders the project later.
        """
        self._check()
        self.questionnaire.warm()
        preload()

    def _check(self) -> None:
        """Raise a `Problem` if a given answer is not valid."""
        if not self.is_checked:
            for _ in self.questionnaire.walk(self.given):
                pass
            self.is_checked = True

    def _put(self, name: str, answer: Any) -> None:
        if name == _PRESET:
            for decided in self._decided_by(answer):
                self.typed.pop(decided, None)
                self.refusals.pop(decided, None)
        self.typed[name] = self.memory[name] = answer
        self.refusals.pop(name, None)
        self.memory.update(self.known())

    def _previous(self) -> str | None:
        """Forget the answer to the last question that was asked, and return its name, if any."""
        while self.trail:
            name = self.trail.pop()
            self.typed.pop(name, None)
            if name == _PRESET or any(s.shown for s in self._steps() if s.question.name == name):
                return name
        return None

    def preset(self) -> str | None:
        """The preset, unless the user decided to answer every question."""
        chosen = self.typed.get(_PRESET)
        return None if chosen == _CUSTOM else chosen

    def _decided_by(self, preset: str | None) -> Mapping[str, Any]:
        presets = self.questionnaire.template.presets
        return presets[preset].answers if preset and preset in presets else {}

    def _next(self) -> str | None:
        """The first question that is still open."""
        if "name" not in self.known():
            return "name"
        if leading := self._first_open(self._leading_steps()):
            return leading
        if self.purpose.has_presets and _PRESET not in self.typed and self._presets_matter():
            return _PRESET
        return self._first_open(self._steps())

    def _first_open(self, steps: Iterable[Step]) -> str | None:
        return next((step.question.name for step in steps if self._is_open(step)), None)

    def _presets_matter(self) -> bool:
        """Whether any preset answers a question that is neither given nor has a single choice."""
        return any(
            question.name in preset.answers
            and question.name not in self.given
            and _has_alternatives(question)
            for preset in self.questionnaire.template.presets.values()
            for question in self.questionnaire.template.asked
        )

    def _is_open(self, step: Step) -> bool:
        name = step.question.name
        return step.shown and _has_alternatives(step.question) and name not in self.known()

    def _steps(self) -> list[Step]:
        """All questions, after the answers that others have made impossible are removed."""
        self._check()
        return self._walk()

    def _leading_steps(self) -> list[Step]:
        """The questions before the name. They do not wait for the check of all given answers."""
        return self._walk(len(self.questionnaire.template.leading))

    def _walk(self, length: int | None = None) -> list[Step]:
        while True:
            try:
                return list(islice(self.questionnaire.walk(self.known()), length))
            except Refused as refused:
                if refused.question not in self.known():
                    raise  # the default in copier.yml is not valid
                if refused.question in self.given and not self.is_checked:
                    raise
                self.typed.pop(refused.question, None)
                # A question that does not apply now may apply later, and then needs no reason.
                self.refusals[refused.question] = refused.message if refused.applies else ""

    def _prompt(self, name: str) -> Prompt:
        if name == _PRESET:
            return self._presets()
        steps = self._leading_steps() if self._is_leading(name) else self._steps()
        step = next(step for step in steps if step.question.name == name)
        remembered = self.memory.get(name, step.value)
        prompt = Prompt(
            step.question.help,
            self._choices(step),
            remembered,
            note=self.refusals.get(name, ""),
            check=self._checked(step),
            answered=self._answered(),
        )
        free = [choice.value for choice in prompt.choices if not choice.refusal]
        return prompt if remembered in free or not free else replace(prompt, default=step.value)

    def _is_leading(self, name: str) -> bool:
        return any(question.name == name for question in self.questionnaire.template.leading)

    def _choices(self, step: Step) -> tuple[Choice, ...]:
        if step.question.type == "bool":
            return _YES_OR_NO
        return tuple(
            Choice(
                offer.value,
                _label(offer.title),
                "" if offer.refusal else _meaning(offer.title),
                offer.refusal,
                offer.group,
            )
            for offer in self.questionnaire.offers(step.question, step.context)
        )

    def _checked(self, step: Step) -> Callable[[str], str]:
        def check(text: str) -> str:
            try:
                answer = self.questionnaire.accept(step.question, text, step.context)
                self.vet(step.question.name, answer)
            except Problem as problem:
                return problem.message
            return ""

        return check

    def _presets(self) -> Prompt:
        presets = self.questionnaire.template.presets.items()
        return Prompt(
            _WHICH_PRESET,
            (
                *(Choice(name, name, preset.help) for name, preset in presets),
                Choice(_CUSTOM, _CUSTOM_LABEL, "Choose each part yourself"),
            ),
            default=self.memory.get(_PRESET, self.typed.get(_PRESET, next(iter(presets))[0])),
            answered=self._answered(),
        )

    def _summary(self) -> Prompt:
        lines = [self._line_of_summary(step) for step in self._steps() if step.shown]
        preview = [self.purpose.preview] if self.preview else []
        if _PRESET in self.typed:
            preset = Choice(_PRESET, "preset", self._preset_label())
            lines.insert([line.value for line in lines].index("name") + 1, preset)
        return Prompt(
            self.purpose.heading.format(name=self.known()["name"]),
            (
                self.purpose.accept,
                *preview,
                *lines,
                self.purpose.cancel,
            ),
            default=_ACCEPT,
            answered=self._answered(),
            lists_answers=True,
        )

    def _line_of_summary(self, step: Step) -> Choice:
        question = step.question
        shown = _shown(question, step.value)
        if self.purpose is _EXISTING and self.given.get(question.name, step.value) != step.value:
            shown += f" (was {_shown(question, self.given[question.name])})"
        fixed = "" if _has_alternatives(question) else "the only choice"
        if question.name == "name" and "name" in self.given:
            fixed = self.purpose.name_is_fixed
        return Choice(question.name, question.name, shown, fixed)

    def _answered(self) -> tuple[tuple[str, str], ...]:
        """The questions that were asked, with their answers; not a preset given as an option."""
        questions = {one.name: one for one in self.questionnaire.template.asked}
        return tuple(
            (questions[name].help, _shown(questions[name], self.typed[name]))
            if name in questions
            else (_WHICH_PRESET, self._preset_label())
            for name in self.typed
            if name in self.memory
        )

    def _preset_label(self) -> str:
        return self.preset() or _CUSTOM_LABEL


def _has_alternatives(question: Question) -> bool:
    """Whether there is anything to decide: not with a single choice."""
    return len(question.choices) != 1


def _shown(question: Question, value: Any) -> str:
    """An answer as the interview shows it: the label of a choice, not its value."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    titles = {value: title for title, value in question.choices.items()}
    return _label(titles.get(value, str(value)))


def _label(title: str) -> str:
    return title.partition(_SEPARATOR)[0]


def _meaning(title: str) -> str:
    return title.partition(_SEPARATOR)[2]
