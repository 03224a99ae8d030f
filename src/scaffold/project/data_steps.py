"""The manual steps that move the data of a service when an answer changes."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from typing import Any, NamedTuple

from scaffold.template.documents import parse
from scaffold.template.expressions import Jinja
from scaffold.template.questions import CompleteAnswers

_COLUMNS = 74  # 80, less the indent of the plan and the number of a step
_ONE_AT_A_TIME = (
    "Change one answer at a time, each with its own steps and a commit: {changes}. What follows is "
    "in this order."
)


def steps(jinja: Jinja, old: Mapping[str, Any], new: CompleteAnswers) -> list[str]:
    """The steps from the `old` recorded answers to the `new` ones; empty when no data moves.

    A step is text, wrapped at 74 columns, with commands between backticks. Lines that are indented
    by four spaces are code to copy; they are not wrapped. `jinja` belongs to the template of `new`.
    A step without text does not apply to the new answers.

    Raises:
        Problem: a step of the template cannot be rendered.
    """
    moves = changes(jinja, old, new)
    texts = [jinja.text(step, new.context) for move in moves for step in move.steps]
    told = [text for text in texts if text.strip()]
    if len(moves) > 1:
        each = ", then ".join(f"{move.answer}={move.new}" for move in moves)
        told.insert(0, _ONE_AT_A_TIME.format(changes=each))
    return [_filled(step.strip()) for step in told]


class Move(NamedTuple):
    """One answer that changes, and the steps of the template for it."""

    answer: str
    new: str
    steps: list[str]


def changes(jinja: Jinja, old: Mapping[str, Any], new: CompleteAnswers) -> list[Move]:
    """The answers that differ and whose rows have to move."""
    return [
        Move(answer, new.recorded[answer], _steps(rules, old[answer], new.recorded[answer]))
        for answer, rules in _rules(jinja, new).items()
        if answer in old and answer in new.recorded and old[answer] != new.recorded[answer]
        if _rule(rules, old[answer]) and _rule(rules, new.recorded[answer])
    ]


def _steps(rules: Mapping[str, Any], old: str, new: str) -> list[str]:
    left, entered = _rule(rules, old), _rule(rules, new)
    return [
        *left["leave"],
        *rules.get("after", ()),
        *left.get("left", ()),
        *entered["enter"],
        *rules.get("finally", ()),
    ]


def _rule(rules: Mapping[str, Any], choice: str) -> Mapping[str, Any]:
    """What is said of a choice, or of all that are not named; nothing if no row has to move."""
    found: Mapping[str, Any] = rules.get("choices", {}).get(choice, rules.get("others", {}))
    return found


def _rules(jinja: Jinja, answers: CompleteAnswers) -> Mapping[str, Any]:
    """What the stack of these answers, or else its language, says of rows.

    It has a file of its own, which `new` does not have to read.
    """
    layers = (answers.context.get("framework"), answers.context.get("stack", {}).get("language"))
    files = [jinja.template.tree / f"{{{{use.{layer}}}}}" / "_stack/moving.yml" for layer in layers]
    found = next((file for file in files if file.is_file()), None)
    return parse(found.read_bytes())["answers"] if found else {}


def _filled(step: str) -> str:
    """Wrap the paragraphs of a step; code is not wrapped."""
    parts = re.split(r"(\n{2,})", step)
    return "".join(part if part.startswith(("\n", "    ")) else _wrapped(part) for part in parts)


def _wrapped(paragraph: str) -> str:
    """Wrap a paragraph, but not inside a command between backticks."""
    whole = re.sub(r"`[^`]+`", lambda match: re.sub(r"\s+", "\0", match[0]), paragraph)
    filled = textwrap.fill(whole, _COLUMNS, break_long_words=False, break_on_hyphens=False)
    return filled.replace("\0", " ")
