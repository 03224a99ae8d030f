"""What `scaffold change` says of rows that have to move; docs/changing.md shows it."""

from __future__ import annotations

import os
import re
from itertools import permutations

import pytest

from scaffold.project.data_steps import steps
from scaffold.template.expressions import Jinja
from tests.combinations import ROOT, TEMPLATE, answered

JINJA = Jinja(TEMPLATE)
WITH_ROWS = [
    question
    for question in TEMPLATE.asked
    if question.name in {"framework", "database", "auth", "queue"}
]
MOVES = [
    (question.name, old, new)
    for question in WITH_ROWS
    for old, new in permutations(question.choices.values(), 2)
]
INTRODUCTION = """\
# Changing a service that has data

`scaffold change` changes the code, but no database: it neither moves nor deletes rows. So a change
of the framework, of the database, of auth or of the queue leaves work for you. The plan lists it as
steps; here are all of them. A test follows those of FastAPI on live databases (SQLite, PostgreSQL
and MariaDB) and finds every row again.

They follow two rules. A migration that has run on a database is never edited or deleted; new
migrations follow it. And one answer is changed at a time, each with a commit of its own.

`make remove-example` deletes the migration of the orders, which the migrations of a later change
follow: remove the example before such a change, or keep its migration.

A table of your own that counts its keys itself (`Integer` instead of `Uuid`) needs one thing more
after a move to PostgreSQL: `SELECT setval(pg_get_serial_sequence('t', 'id'), max(id)) FROM t`.
"""


def test_every_pair_of_choices_with_rows_has_steps() -> None:
    assert [move for move in MOVES if not told(*move)] == []


@pytest.mark.parametrize(
    ("name", "old", "new"), [("ci", "github", "none"), ("cache", "memory", "redis")]
)
def test_a_change_that_moves_no_row_has_no_steps(name: str, old: str, new: str) -> None:
    assert steps(JINJA, answered({name: old}).recorded, answered({name: new})) == []


def test_two_moves_are_made_one_after_the_other() -> None:
    old = answered({"auth": "none", "queue": "none"}).recorded
    first, *rest = steps(JINJA, old, answered({"auth": "jwt", "queue": "database"}))
    assert "auth=jwt, then queue=database" in " ".join(first.split())
    assert rest == [*told("auth", "none", "jwt"), *told("queue", "none", "database")]


def test_text_fits_a_narrow_terminal_unless_a_command_does_not() -> None:
    lines = [line for move in MOVES for step in told(*move) for line in step.split("\n")]
    long = [line for line in lines if len(line) > 74 and not line.startswith("    ")]
    assert [line for line in long if not re.fullmatch(r"`[^`]+`[.,;]?", line)] == []


def test_no_command_is_broken_and_no_jinja_left() -> None:
    for move in MOVES:
        for step in told(*move):
            text = re.sub(r"^    .*$", "", step, flags=re.MULTILINE)
            assert all("\n" not in command for command in re.findall(r"`([^`]*)`", text))
            assert "{{" not in step and "{%" not in step


def test_the_page_of_changes_shows_the_steps() -> None:
    document = ROOT / "docs" / "changing.md"
    if os.environ.get("UPDATE_DOCS"):
        document.write_text(page())
    assert document.read_text() == page(), "run `make docs`"


def told(name: str, old: str, new: str) -> list[str]:
    # Not on SQLite, which does not go with every queue.
    others = {"database": "postgresql"} if name == "queue" else {}
    return steps(JINJA, {name: old, **others}, answered({name: new, **others}))


def page() -> str:
    """docs/changing.md: each text once, in the order in which a change needs them."""
    parts, shown = [INTRODUCTION], dict[str, str]()
    for name, old, new in MOVES:
        title = f"`{name}`: from `{old}` to `{new}`"
        parts += [f"## {title}\n", *(_item(step, title, shown) for step in told(name, old, new))]
    return "\n".join(parts)


def _item(step: str, title: str, shown: dict[str, str]) -> str:
    """A step; its code only where it is shown for the first time."""
    text: list[str] = []
    code: list[str] = []
    for line in step.split("\n"):
        (code if line.startswith("    ") or (code and not line) else text).append(line)
    if script := "\n".join(code).strip("\n"):
        first = shown.setdefault(script, title)
        if first != title:
            text[-1:] = [f"The script is the one of {first}."]
            code = []
    first, *others = [*text, *code]
    return "\n".join([f"1. {first}", *(f"   {line}" if line else "" for line in others), ""])


def test_no_script_is_printed_twice() -> None:
    lines = [line for line in page().splitlines() if line.startswith("       ")]
    assert lines.count("       def dump(connection, file):") == 1
