"""Asks on a terminal for the answers that were not given: a preset first, then what is left."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import questionary
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent, merge_key_bindings

from scaffold.problems import Problem
from scaffold.questions import Questionnaire, Step
from scaffold.signals import Interrupted

_PRESET: Final = "_preset"
_BACK: Final = object()
_CREATE: Final = "_create"
_CANCEL: Final = "_cancel"
_INDIVIDUAL: Final = "_individual"


def ask(questionnaire: Questionnaire, given: Mapping[str, Any], *, preset: str | None) -> Outcome:
    """Ask until every question has an answer and the user agrees to the summary.

    Shift-Tab goes back one question. `preset` is the one already chosen, if any.

    Raises:
        Problem: an answer given beforehand is not valid; nothing is asked then.
        Interrupted: the user gave up.
    """
    for _ in questionnaire.walk(given):
        pass
    return _Dialogue(questionnaire, dict(given), preset).run()


class Outcome(NamedTuple):
    """All answers, and the preset that they began with."""

    answers: Mapping[str, Any]
    preset: str | None


@dataclass
class _Dialogue:
    questionnaire: Questionnaire
    given: dict[str, Any]
    preset: str | None
    typed: dict[str, Any] = field(default_factory=dict)
    trail: list[str] = field(default_factory=list)

    def run(self) -> Outcome:
        """Ask the questions, then show the summary until it is accepted."""
        while True:
            if name := self._next():
                self._put(name, self._prompt(name))
                continue
            decision = _prompted(self._summary())
            if decision == _CREATE:
                return Outcome(self._known(), self.preset or self._chosen())
            if decision == _CANCEL:
                raise Interrupted(signal.SIGINT)
            self._reopen(decision)

    def _put(self, name: str, answer: Any) -> None:
        if answer is not _BACK:
            self.typed[name] = answer
            self.trail.append(name)
        elif self.trail:
            self.typed.pop(self.trail.pop(), None)

    def _reopen(self, decision: Any) -> None:
        if decision is _BACK:
            self._put("", _BACK)
        else:
            self._put(decision, self._prompt(decision))

    def _known(self) -> dict[str, Any]:
        """Answers so far: what was typed beats what was given, and both beat the preset."""
        typed = {name: value for name, value in self.typed.items() if name != _PRESET}
        chosen = self._chosen()
        preset = self.questionnaire.template.presets[chosen].answers if chosen else {}
        return {**preset, **self.given, **typed}

    def _chosen(self) -> str | None:
        """The preset chosen here, unless the user chose to decide each part."""
        chosen = self.typed.get(_PRESET)
        return None if chosen == _INDIVIDUAL else chosen

    def _next(self) -> str | None:
        """The first question that is still open; the preset comes right after the name."""
        open_names = [step.question.name for step in self._steps() if self._is_open(step)]
        first = open_names[0] if open_names else None
        if first != "name" and self.preset is None and _PRESET not in self.typed and open_names:
            return _PRESET
        return first

    def _is_open(self, step: Step) -> bool:
        return _matters(step) and step.question.name not in self._known()

    def _steps(self) -> list[Step]:
        steps = list(self.questionnaire.walk(self._known()))
        # The name is asked first: it is what the user came with.
        return sorted(steps, key=lambda step: step.question.name != "name")

    def _prompt(self, name: str) -> Any:
        if name == _PRESET:
            return _prompted(self._presets())
        step = next(step for step in self._steps() if step.question.name == name)
        return _prompted(_question(self.questionnaire, step))

    def _presets(self) -> questionary.Question:
        presets = self.questionnaire.template.presets.items()
        return questionary.select(
            "What kind of service?",
            choices=[
                *(questionary.Choice(f"{name} — {preset.help}", name) for name, preset in presets),
                questionary.Choice("let me choose each part", _INDIVIDUAL),
            ],
        )

    def _summary(self) -> questionary.Question:
        steps = [step for step in self._steps() if _matters(step)]
        name = self._known()["name"]
        return questionary.select(
            f"Make {name}?",
            choices=[
                questionary.Choice("yes, make it", _CREATE),
                *(
                    questionary.Choice(
                        f"change {step.question.name}: {_title(step)}", step.question.name
                    )
                    for step in steps
                    if step.question.name != "name" or "name" in self.typed
                ),
                questionary.Choice("no, stop here", _CANCEL),
            ],
        )


def _matters(step: Step) -> bool:
    """Whether there is anything to decide: a single choice is none."""
    return step.shown and len(step.question.choices) != 1


def _title(step: Step) -> str:
    titles = {value: title for title, value in step.question.choices.items()}
    return titles.get(step.value, str(step.value))


def _question(questionnaire: Questionnaire, step: Step) -> questionary.Question:
    question = step.question
    if question.choices:
        choices = [questionary.Choice(title, value) for title, value in question.choices.items()]
        return questionary.select(question.help, choices=choices, default=step.value)
    if question.type == "bool":
        return questionary.confirm(question.help, default=step.value)

    def is_valid(text: str) -> bool | str:
        try:
            questionnaire.accept(question, text, step.context)
        except Problem as problem:
            return problem.message
        return True

    default = "" if step.value is None else str(step.value)
    return questionary.text(question.help, default=default, validate=is_valid)


def _prompted(question: questionary.Question) -> Any:
    """The answer, or _BACK for Shift-Tab. Raises Interrupted for Ctrl-C and end of input."""
    bindings = KeyBindings()

    @bindings.add("s-tab")
    def go_back(event: KeyPressEvent) -> None:
        event.app.exit(result=_BACK)

    application = question.application
    own = application.key_bindings
    application.key_bindings = merge_key_bindings([own, bindings] if own else [bindings])
    try:
        return question.unsafe_ask()
    except (KeyboardInterrupt, EOFError) as error:
        raise Interrupted(signal.SIGINT) from error
