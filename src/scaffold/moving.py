"""What to do with a service's rows when an answer changes: steps for people, told by the stack."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from scaffold.documents import parse
from scaffold.jinja import Jinja
from scaffold.questions import Answers

_ONE_AT_A_TIME = (
    "Change one answer at a time, each with its own steps and a commit: {changes}. What follows is "
    "in this order."
)


def steps(jinja: Jinja, old: Mapping[str, Any], new: Answers) -> list[str]:
    """The steps from the `old` recorded answers to the `new` ones, in order; none if no row moves.

    A step is one or more lines of text; a line that is indented by four spaces is code to copy.
    The template is that of `new`.

    Raises:
        Problem: the template's steps cannot be read.
    """
    moves = [move for move in _moves(jinja, new) if _applies(move, old, new.recorded)]
    told = [jinja.text(step, new.context).rstrip() for move in moves for step in move["steps"]]
    if len(moves) > 1:
        changes = ", then ".join(f"{move['answer']}={move['to']}" for move in moves)
        told.insert(0, _ONE_AT_A_TIME.format(changes=changes))
    return told


def _moves(jinja: Jinja, answers: Answers) -> list[Mapping[str, Any]]:
    """The moves that the stack of these answers knows; they stay out of what `new` has to read."""
    folder = jinja.template.tree / f"{{{{use.{answers.recorded['framework']}}}}}" / "_stack"
    file = folder / "moving.yml"
    return parse(file.read_bytes())["moves"] if file.is_file() else []


def _applies(move: Mapping[str, Any], old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    name = move["answer"]
    return (old.get(name), new.get(name)) == (move["from"], move["to"])
