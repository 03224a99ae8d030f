"""Asks for the answers that were not given: a preset first, then what is left, then a summary.

What is asked when stands here; how it is shown is up to the asker, a `Screen` or `Plain`.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, NamedTuple

from scaffold.interview.prompts import BACK, Asker, Choice, Prompt
from scaffold.template.answers import preset_answers
from scaffold.template.questions import Questionnaire, Refused, Step
from scaffold.template.spec import Question
from scaffold.terminal import console
from scaffold.terminal.errors import Problem
from scaffold.terminal.signals import Interrupted

_PRESET: Final = "_preset"
_INDIVIDUAL: Final = "_individual"
_CREATE: Final = "_create"
_PREVIEW: Final = "_preview"
_CANCEL: Final = "_cancel"
_KIND: Final = "What kind of service?"
_SEPARATOR: Final = " — "
_YES_OR_NO: Final = (Choice(True, "yes"), Choice(False, "no"))

Preview = Callable[[Mapping[str, Any], int], list[str]]
Vet = Callable[[str, Any], None]
"""Shows what answers lead to, in so many lines at most."""


class Outcome(NamedTuple):
    """All answers, and the preset that they began with."""

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
) -> Outcome:
    """Ask until every question has an answer and the user agrees to the summary.

    `given` beats what a preset says; `preset` is the one already chosen, if any. `vet` raises a
    `Problem` on an answer that cannot stand for reasons that the questions do not know. Going back
    is possible at every question.

    Raises:
        Problem: an answer given beforehand is not valid. What is slow to find out is found out
            while the first question is on the screen.
        Interrupted: the user gave up.
    """
    typed = {}
    if preset is not None:
        preset_answers(questionnaire.template, preset)
        typed[_PRESET] = preset
    with asker:
        return _Dialogue(questionnaire, given, asker, preview, typed, vet).run()


def complete(
    questionnaire: Questionnaire,
    given: Mapping[str, Any],
    reasons: Mapping[str, str],
    *,
    asker: Asker,
) -> Mapping[str, Any]:
    """Ask what `given` leaves open, and nothing else; `reasons` tell why some is asked again.

    Raises:
        Problem: an answer given beforehand is not valid.
        Interrupted: the user gave up.
    """
    with asker:
        dialogue = _Dialogue(questionnaire, given, asker, _unseen, {_PRESET: _INDIVIDUAL})
        dialogue.refusals.update(reasons)
        dialogue.fill()
        return dialogue.known()


def agree(question: str, *, asker: Asker) -> bool:
    """Ask a question to which the answer is yes or no."""
    prompt = Prompt(question, _YES_OR_NO, default=True)
    with asker:
        while (answer := asker.ask(prompt, lambda: None)) is BACK:
            pass  # there is nothing before it
    return bool(answer)


def asker(*, plain: bool = False) -> Asker:
    """What fits the terminal; `plain` is line by line in any case."""
    if plain or not console.can_redraw():
        from scaffold.interview.plain import Plain

        return Plain()
    from scaffold.interview.screen import Screen  # imported late: Windows has no termios

    return Screen()


def _unseen(_answers: Mapping[str, Any], _rows: int) -> list[str]:
    return []


@dataclass
class _Dialogue:
    questionnaire: Questionnaire
    given: Mapping[str, Any]
    asker: Asker
    preview: Preview
    typed: dict[str, Any]
    vet: Vet = lambda _question, _answer: None
    trail: list[str] = field(default_factory=list)
    """What was asked, in order; Shift-Tab walks it backwards."""
    memory: dict[str, Any] = field(default_factory=dict)
    """The last answer to each question, offered again when it is asked again."""
    refusals: dict[str, str] = field(default_factory=dict)
    """Answers of a preset or a flag that cannot stand any more, and why."""
    is_checked: bool = False

    def run(self) -> Outcome:
        """Ask the questions, then show the summary until it is accepted."""
        self.fill()
        while (decision := self._ask(self._summary())) != _CREATE:
            if decision is BACK:
                self.fill(again=self._previous())
            else:
                self._follow(decision)
                self.fill()
        return Outcome(self.known(), self._preset())

    def fill(self, again: str | None = None) -> None:
        """Ask all questions that are open; `again` is asked first, although it is not."""
        while name := again or self._next():
            answer = self._ask(self._prompt(name))
            if answer is BACK:
                again = self._previous() or name
            else:
                again = None
                self._put(name, answer)
                self.trail = [*(asked for asked in self.trail if asked != name), name]

    def known(self) -> dict[str, Any]:
        """Answers so far: what was typed beats what was given, and both beat the preset."""
        preset = self._decided_by(self._preset())
        known = {
            name: value
            for name, value in {**preset, **self.given}.items()
            if name not in self.refusals
        }
        return {**known, **{name: self.typed[name] for name in self.typed if name != _PRESET}}

    def _follow(self, decision: str) -> None:
        """Do what was chosen in the summary; Shift-Tab leaves everything as it is."""
        if decision == _CANCEL:
            raise Interrupted(signal.SIGINT)
        if decision == _PREVIEW:
            answers = self.known()
            self.asker.show(
                f"The files of {answers['name']}", lambda rows: self.preview(answers, rows)
            )
        elif (answer := self._ask(self._prompt(decision))) is not BACK:
            self._put(decision, answer)

    def _ask(self, prompt: Prompt) -> Any:
        return self.asker.ask(prompt, self._prepare)

    def _prepare(self) -> None:
        """Do what is slow the first time, while the user reads the question."""
        self.questionnaire.warm()
        self._check()

    def _check(self) -> None:
        """Raise the Problem with what was given, if there is one."""
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
        """Forget the last answer, to ask for it again; nothing when there is none."""
        while self.trail:
            name = self.trail.pop()
            self.typed.pop(name, None)
            if name == _PRESET or any(s.shown for s in self._steps() if s.question.name == name):
                return name
        return None

    def _preset(self) -> str | None:
        """The preset, unless the user chose to decide each part."""
        chosen = self.typed.get(_PRESET)
        return None if chosen == _INDIVIDUAL else chosen

    def _decided_by(self, preset: str | None) -> Mapping[str, Any]:
        presets = self.questionnaire.template.presets
        return presets[preset].answers if preset and preset in presets else {}

    def _next(self) -> str | None:
        """The first question that is still open; the name comes first, then the preset."""
        if "name" not in self.known():
            return "name"
        if _PRESET not in self.typed and self._presets_matter():
            return _PRESET
        open_names = (step.question.name for step in self._steps() if self._is_open(step))
        return next(open_names, None)

    def _presets_matter(self) -> bool:
        """Whether any preset decides something that is neither given nor decided anyhow."""
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
        """All questions; an answer that others have made impossible is taken back first."""
        self._check()
        while True:
            try:
                return list(self.questionnaire.walk(self.known()))
            except Refused as refused:
                if refused.question not in self.known():
                    raise  # the template's own default is at fault
                self.typed.pop(refused.question, None)
                # What does not apply now may do so later: then there is nothing to explain.
                self.refusals[refused.question] = refused.message if refused.applies else ""

    def _prompt(self, name: str) -> Prompt:
        if name == _PRESET:
            return self._presets()
        step = next(step for step in self._steps() if step.question.name == name)
        remembered = self.memory.get(name, step.value)
        prompt = Prompt(
            step.question.help,
            self._choices(step),
            remembered,
            note=self.refusals.get(name, ""),
            check=self._checked(step),
            settled=self._settled(),
        )
        free = [choice.value for choice in prompt.choices if not choice.refusal]
        return prompt if remembered in free or not free else replace(prompt, default=step.value)

    def _choices(self, step: Step) -> tuple[Choice, ...]:
        if step.question.type == "bool":
            return _YES_OR_NO
        return tuple(
            Choice(
                offer.value,
                _label(offer.title),
                "" if offer.refusal else _meaning(offer.title),
                offer.refusal,
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
            _KIND,
            (
                *(Choice(name, name, preset.help) for name, preset in presets),
                Choice(_INDIVIDUAL, "each part", "Decide everything one by one"),
            ),
            default=self.memory.get(_PRESET, self.typed.get(_PRESET, next(iter(presets))[0])),
            settled=self._settled(),
        )

    def _summary(self) -> Prompt:
        steps = [step for step in self._steps() if step.shown]
        return Prompt(
            f"Make {self.known()['name']}?",
            (
                Choice(_CREATE, "yes", "make it"),
                Choice(_PREVIEW, "files", "look at them first"),
                *self._kind(),
                *(self._line_of_summary(step) for step in steps),
                Choice(_CANCEL, "no", "leave, and make nothing"),
            ),
            default=_CREATE,
            settled=self._settled(),
            tells_all=True,
        )

    def _kind(self) -> list[Choice]:
        if _PRESET not in self.typed:
            return []
        return [Choice(_PRESET, "kind", self._preset() or "each part")]

    def _line_of_summary(self, step: Step) -> Choice:
        question = step.question
        fixed = "" if _has_alternatives(question) else "the only choice"
        if question.name == "name" and "name" in self.given:
            fixed = "from PATH"
        return Choice(question.name, question.name, _shown(question, step.value), fixed)

    def _settled(self) -> tuple[tuple[str, str], ...]:
        """What was asked and answered; a preset that came as an option was not asked for."""
        questions = {one.name: one for one in self.questionnaire.template.asked}
        return tuple(
            (questions[name].help, _shown(questions[name], self.typed[name]))
            if name in questions
            else (_KIND, self._preset() or "each part")
            for name in self.typed
            if name in self.memory
        )


def _has_alternatives(question: Question) -> bool:
    """Whether there is anything to decide: a single choice is none."""
    return len(question.choices) != 1


def _shown(question: Question, value: Any) -> str:
    """An answer as people say it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    titles = {value: title for title, value in question.choices.items()}
    return _label(titles.get(value, str(value)))


def _label(title: str) -> str:
    return title.partition(_SEPARATOR)[0]


def _meaning(title: str) -> str:
    return title.partition(_SEPARATOR)[2]
