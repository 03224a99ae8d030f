"""Evaluates the questions of a template: which are asked, which answers are valid."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

from scaffold.template.documents import parse
from scaffold.template.expressions import Jinja
from scaffold.template.spec import Question
from scaffold.terminal.errors import Problem, listed, suggestion

_PARSERS: dict[str, Callable[[str], Any]] = {"json": json.loads, "yaml": parse}
"""For each type of structured values, how the text of a default is read."""


class Refused(Problem):
    """An answer that is not valid; `question` is the name of its question.

    `applies` is False when the other answers exclude the whole question.
    """

    def __init__(self, question: str, message: str, hint: str, *, applies: bool = True) -> None:
        super().__init__(message, hint)
        self.question = question
        self.applies = applies


@dataclass(frozen=True)
class Offer:
    """One choice, given the answers before it; `refusal` is the reason why it is unavailable.

    `group` is the heading under which it is shown, if any.
    """

    title: str
    value: Any
    refusal: str = ""
    group: str = ""


@dataclass(frozen=True)
class Exclusion:
    """An answer that makes a choice of a later question unavailable, and the reason."""

    question: str
    value: Any
    reason: str


@dataclass(frozen=True)
class Step:
    """One question, given the answers before it.

    `value` is the given answer, else the default; None when a required answer is missing.
    """

    question: Question
    shown: bool
    answered: bool
    value: Any
    context: Mapping[str, Any]

    @property
    def missing(self) -> bool:
        """Whether it must be answered and is not."""
        return self.shown and self.value is None


@dataclass(frozen=True)
class CompleteAnswers:
    """`recorded` goes into the answers file; `context` has the hidden facts as well."""

    recorded: Mapping[str, Any]
    context: Mapping[str, Any]


@dataclass(frozen=True)
class Carried:
    """Recorded answers, compared with the questions of a newer template.

    `answers` are still valid; `forgotten` belong to questions that were removed or do not apply any
    more; `invalid` has the reasons why answers must be given again; `unasked` are the names of new
    questions.
    """

    answers: Mapping[str, Any]
    forgotten: Mapping[str, Any]
    invalid: Mapping[str, Problem]
    unasked: tuple[str, ...]


class Questionnaire:
    """The questions of one template, shared by the interview, the flags and the answers files."""

    def __init__(self, jinja: Jinja) -> None:
        self.template = jinja.template
        self._jinja = jinja

    def warm(self) -> None:
        """Import Jinja now: it takes about 0.1 s."""
        self._jinja.warm()

    def answers(self, given: Mapping[str, Any]) -> CompleteAnswers:
        """Complete the `given` answers with defaults and hidden facts.

        Raises:
            Problem: an answer is unknown, missing, does not apply or is not valid.
        """
        steps = list(self.walk(given))
        if steps and steps[-1].missing:
            name = steps[-1].question.name
            raise Problem(f"there is no answer for {name}", f"give it with `--set {name}=…`")
        return CompleteAnswers(
            recorded={step.question.name: step.value for step in steps if step.shown},
            context={step.question.name: step.value for step in steps},
        )

    def walk(self, given: Mapping[str, Any]) -> Iterator[Step]:
        """Evaluate each question in order, up to the first one that is missing.

        Raises:
            Refused: an answer does not apply or is not valid.
            Problem: an answer is unknown.
        """
        self._refuse_unknown(given)
        context: dict[str, Any] = {}
        for question in self.template.questions:
            shown = self._shown(question, context)
            answered = question.name in given
            if answered and not shown:
                raise Refused(
                    question.name,
                    f"{question.name} does not apply to the other answers",
                    f"leave {question.name} out",
                    applies=False,
                )
            if answered:
                try:
                    value = self.accept(question, given[question.name], context)
                except Problem as problem:
                    raise Refused(question.name, problem.message, problem.hint) from None
            else:
                value = self._default(question, context, validated=shown)
            step = Step(question, shown, answered, value, dict(context))
            yield step
            if step.missing:
                return
            context[question.name] = value

    def carry(self, recorded: Mapping[str, Any], given: Mapping[str, Any]) -> Carried:
        """Sort the recorded answers into valid and invalid ones; `given` answers replace them.

        Raises:
            Problem: a given answer is unknown, does not apply or is not valid.
        """
        answers = {**recorded, **given}
        invalid: dict[str, Problem] = {}
        asked = {question.name for question in self.template.asked}
        forgotten = {
            name: answers.pop(name) for name in recorded if name not in asked | given.keys()
        }
        while True:
            try:
                steps = list(self.walk(answers))
            except Refused as refusal:
                if refusal.question in given or refusal.question not in recorded:
                    raise
                value = answers.pop(refusal.question)
                if refusal.applies:
                    invalid[refusal.question] = refusal
                else:
                    forgotten[refusal.question] = value
            else:
                unasked = [step.question.name for step in steps if step.shown and not step.answered]
                return Carried(answers, forgotten, invalid, tuple(unasked))

    def accept(self, question: Question, answer: Any, context: Mapping[str, Any]) -> Any:
        """Convert the answer to the type of the question.

        Raises:
            Refused: it has another type, is not a choice of the question, is a choice that the
                answers in `context` exclude, or the validator of the question refuses it.
        """
        value = _typed(question, answer)
        if question.choices:
            self._refuse_excluded(question, answer, value, context)
        refusal = self._jinja.text(question.validator, {**context, question.name: value}).strip()
        if refusal:
            raise Refused(
                question.name,
                f"the {question.name} {value!r} {refusal}",
                _better(question.name, value),
            )
        return value

    def offers(self, question: Question, context: Mapping[str, Any]) -> list[Offer]:
        """The choices of a question, each with the reason why it is unavailable, if any."""
        return [
            Offer(title, value, self._refusal(question, title, context), question.group(value))
            for title, value in question.choices.items()
        ]

    def default(self, question: Question) -> Any:
        """The default of a question, while the answers to all other questions are defaults, too."""
        return self._default(question, self._before(question, {}), validated=False)

    def decided(self, answers: Mapping[str, Any]) -> dict[str, Any]:
        """The answers that are not the default which the answers before them lead to.

        Raises:
            Problem: an answer is unknown, does not apply or is not valid.
        """
        steps = self.walk(answers)
        return {step.question.name: step.value for step in steps if self._is_decided(step)}

    def exclusions(self, question: Question, title: str) -> list[Exclusion]:
        """Each answer that excludes a choice, while other answers to the same question do not.

        The answers to all other questions are the defaults. If these exclude the choice anyway, the
        answers that give another reason.
        """
        if title not in question.refusals:
            return []
        usual = self._refusal(question, title, self._before(question, {}))
        found = []
        for other in takewhile(lambda other: other is not question, self.template.asked):
            reasons = {
                value: self._refusal(question, title, self._before(question, {other.name: value}))
                for value in other.choices.values()
            }
            anyway = usual if all(reasons.values()) else ""
            found += [
                Exclusion(other.name, value, reason)
                for value, reason in reasons.items()
                if reason not in ("", anyway)
            ]
        return found

    def _is_decided(self, step: Step) -> bool:
        if not step.answered:
            return False
        try:
            return bool(step.value != self._default(step.question, step.context, validated=True))
        except Problem:  # the default is not valid
            return True

    def _before(self, question: Question, given: Mapping[str, Any]) -> dict[str, Any]:
        """The answers and facts before a question: those given, else defaults."""
        context: dict[str, Any] = {}
        for each in takewhile(lambda each: each is not question, self.template.questions):
            is_given = each.name in given
            context[each.name] = (
                given[each.name] if is_given else self._default(each, context, validated=False)
            )
        return context

    def _refusal(self, question: Question, title: str, context: Mapping[str, Any]) -> str:
        refusal = self._jinja.text(question.refusals.get(title, ""), context)
        # To copier any text is a refusal, blanks too.
        return " ".join(refusal.split()) or ("it is excluded" if refusal else "")

    def _refuse_excluded(
        self, question: Question, answer: Any, value: Any, context: Mapping[str, Any]
    ) -> None:
        if value not in question.choices.values():
            raise _no_such_choice(question, answer)
        offers = self.offers(question, context)
        refusals = [offer.refusal for offer in offers if offer.value == value]
        if all(refusals):
            left = [str(offer.value) for offer in offers if not offer.refusal]
            raise Refused(
                question.name,
                f"{question.name} cannot be {_shown_answer(value)}: {refusals[0]}",
                f"it can be {listed(left, 'or')}" if left else "change the answers before it",
            )

    def _shown(self, question: Question, context: Mapping[str, Any]) -> bool:
        if isinstance(question.when, bool):
            return question.when
        return self._jinja.text(question.when, context).strip().lower() == "true"

    def _default(self, question: Question, context: Mapping[str, Any], *, validated: bool) -> Any:
        if question.required:
            return None
        default = question.default
        if isinstance(default, str):
            default = self._jinja.text(default, context)
            if question.type in _PARSERS:
                default = _PARSERS[question.type](default)
        if not validated:
            return default
        return self.accept(question, self._possible(question, default, context), context)

    def _possible(self, question: Question, default: Any, context: Mapping[str, Any]) -> Any:
        """The default, or the first available choice when other answers exclude the default."""
        if not question.refusals:
            return default
        offers = self.offers(question, context)
        left = [offer.value for offer in offers if not offer.refusal]
        is_excluded = any(offer.refusal and offer.value == default for offer in offers)
        return left[0] if left and is_excluded and default not in left else default

    def _refuse_unknown(self, given: Mapping[str, Any]) -> None:
        known = [question.name for question in self.template.asked]
        for name in given:
            if name not in known:
                raise Problem(
                    f"there is no question '{name}'",
                    suggestion(str(name), known, sentence="the questions are"),
                )


def _typed(question: Question, answer: Any) -> Any:
    if question.type == "bool":
        return _boolean(question, answer)
    if question.type == "int":
        return _integer(question, answer)
    if question.type in _PARSERS:
        return answer
    if isinstance(answer, (bool, dict, list)) or answer is None:
        raise (
            _no_such_choice(question, answer)
            if question.choices
            else Refused(
                question.name, f"the {question.name} {answer!r} is not a text", "put it into quotes"
            )
        )
    text = str(answer)
    if not text.isprintable() and any("\ud800" <= character <= "\udfff" for character in text):
        raise Refused(question.name, f"the {question.name} {text!a} is not UTF-8", "type it again")
    return text


def _boolean(question: Question, answer: Any) -> bool:
    if isinstance(answer, bool):
        return answer
    if answer in ("true", "false"):
        return bool(answer == "true")
    raise Refused(
        question.name,
        f"the {question.name} {_shown_answer(answer)} is neither true nor false",
        f"say `{question.name}=true` or `{question.name}=false`",
    )


def _integer(question: Question, answer: Any) -> int:
    try:
        if isinstance(answer, (int, str)) and not isinstance(answer, bool):
            return int(answer)
    except ValueError:
        pass
    raise Refused(
        question.name,
        f"the {question.name} {_shown_answer(answer)} is not a whole number",
        f"for example `{question.name}=3`",
    )


def _no_such_choice(question: Question, answer: Any) -> Refused:
    choices = [str(value) for value in question.choices.values()]
    shown = _shown_answer(answer)
    return Refused(
        question.name,
        f"{question.name} has no choice {shown}",
        suggestion(shown.strip("'"), choices, sentence="it can be").replace(" and ", " or "),
    )


def _shown_answer(answer: Any) -> str:
    """The answer in YAML notation: `true`, not `True`."""
    if isinstance(answer, bool) or answer is None:
        return {True: "true", False: "false", None: "null"}[answer]
    return repr(answer)


def _better(name: str, value: Any) -> str:
    """A hint with a valid name that is close to an invalid one."""
    if name != "name":
        return f"choose another {name}"
    import re  # imported late: only a mistake needs it

    better = re.sub(r"[^a-z0-9]+", "-", str(value).lower()).strip("-0123456789")[:40].strip("-")
    if better == value and better:
        better = f"{value}-service"
    return f"call it '{better if len(better) > 1 else 'shop'}', for example"
