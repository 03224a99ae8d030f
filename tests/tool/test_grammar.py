"""The same words mean the same in `update`, `change` and `diff`; on a template of few lines."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from scaffold.cli.app import run
from tests.tool.conftest import Outcome, Scaffold, commit, git, signals_kept, tree

QUESTIONS = """\
_subdirectory: template
_exclude: []
_envops: {keep_trailing_newline: true}
name: {type: str, help: "Name?", default: shop}
colour: {type: str, help: "Which colour?", choices: {Red: red, Blue: blue}, default: red}
"""
Preview = Callable[[Mapping[str, Any], int], list[str]]
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project at v1.0.0 of a template that has v2.0.0. Do not change it."""
    root = tmp_path_factory.mktemp("small")
    template = root / "template"
    (template / "template").mkdir(parents=True)
    (template / "copier.yml").write_text(QUESTIONS)
    answers = "{{ _copier_answers | to_nice_yaml -}}\n"
    (template / "template/{{_copier_conf.answers_file}}.jinja").write_text(answers)
    (template / "template/colour.txt.jinja").write_text("The colour is {{ colour }}.\n")
    (template / "template/notes.txt").write_text("one\n")
    git(template, "init", "--quiet", "--initial-branch=main")
    commit(template, "First", tag="v1.0.0")
    with signals_kept():
        assert run(["new", str(root / "shop"), "--defaults", "--template", str(template)]) == 0
    (template / "template/notes.txt").write_text("two\n")
    commit(template, "Second", tag="v2.0.0")
    return root / "shop"


@pytest.fixture
def shop(made: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that project, as the current folder."""
    folder = workplace / "shop"
    shutil.copytree(made, folder, symlinks=True)
    git(folder, "config", "user.name", "Test")
    git(folder, "config", "user.email", "test@example.org")
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, Any]], list[str]]:
    """Have a user at a terminal who gives these answers; returns what was asked, in order."""

    def sit_down(answers: Mapping[str, Any]) -> list[str]:
        asked = []

        def revise(
            _: Any, current: Mapping[str, Any], *, asker: None, preview: Preview
        ) -> Mapping[str, Any]:
            asked.append(f"revise {current['colour']}")
            changed = {**current, **answers}
            asked.extend(preview(changed, 5))
            return changed

        def agree(question: str, **_: Any) -> bool:
            asked.append(question)
            return True

        dialogue = "scaffold.interview.dialogue"
        monkeypatch.setattr("scaffold.terminal.console.is_terminal", lambda: True)
        monkeypatch.setattr(f"{dialogue}.asker", lambda **_: None)
        monkeypatch.setattr(f"{dialogue}.revise", revise, raising=False)
        monkeypatch.setattr(f"{dialogue}.agree", agree)
        return asked

    return sit_down


@pytest.mark.parametrize("command", [("update",), ("diff",), ("diff", "colour=blue"), ("change",)])
@pytest.mark.parametrize(
    "place", [("{shop}",), ("--project", "{shop}"), ("{shop}", "--project", "{shop}/.")], ids=str
)
def test_the_folder_of_the_project_is_path_or_an_option(
    command: tuple[str, ...],
    place: tuple[str, ...],
    scaffold: Scaffold,
    shop: Path,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name, *answers = ("change", "colour=blue") if command == ("change",) else command
    shown = ["--dry-run"] if name != "diff" else []
    here = scaffold(name, *answers, *shown)
    monkeypatch.chdir(workplace)
    there = scaffold(name, *(word.format(shop=shop) for word in place), *answers, *shown)
    assert (there.code, there.out) == (0, here.out)
    assert "blue" in there.out or "two" in there.out or "v2.0.0" in there.out


def test_a_change_stays_at_the_release(scaffold: Scaffold, shop: Path) -> None:
    assert scaffold("change", "colour=blue").code == 0
    assert (shop / "colour.txt").read_text() == "The colour is blue.\n"
    assert (shop / "notes.txt").read_text() == "one\n"


def test_a_change_with_a_release_is_an_update_as_well(scaffold: Scaffold, shop: Path) -> None:
    outcome = scaffold("change", "colour=blue", "--to", "v2.0.0")
    assert outcome.code == 0
    assert (shop / "colour.txt").read_text() == "The colour is blue.\n"
    assert (shop / "notes.txt").read_text() == "two\n"
    assert "scaffold change --abort" in outcome.err


def test_a_change_without_answers_asks_for_them(
    scaffold: Scaffold, shop: Path, terminal: Callable[[Mapping[str, Any]], list[str]]
) -> None:
    asked = terminal({"colour": "blue"})
    assert scaffold("change", "--color", "always").code == 0
    assert asked == ["revise red", "changed      colour.txt", "Write these changes?"]
    assert (shop / "colour.txt").read_text() == "The colour is blue.\n"


def test_a_change_that_keeps_all_answers_writes_nothing(
    scaffold: Scaffold, shop: Path, terminal: Callable[[Mapping[str, Any]], list[str]]
) -> None:
    terminal({})
    outcome = scaffold("change", "--yes")
    assert (outcome.code, "Nothing was written" in outcome.err) == (0, True)


def test_diff_as_json_is_the_plan_and_the_patch(scaffold: Scaffold, shop: Path) -> None:
    plan = json.loads(scaffold("update", "--dry-run", "--json").out)
    facts = json.loads(scaffold("diff", "--json", "--color", "always").out)
    assert facts.pop("patch") == scaffold("diff").out
    assert facts == plan


def test_a_commit_finishes_an_update(scaffold: Scaffold, shop: Path) -> None:
    conflict(scaffold, shop, "update")
    (shop / "notes.txt").write_text("both\n")
    commit(shop, "Update")
    again = scaffold("update")
    assert (again.code, "at v2.0.0 already" in again.err) == (0, True)
    assert scaffold("change", "colour=blue").code == 0


def test_after_conflicts_git_alone_leads_on(scaffold: Scaffold, shop: Path) -> None:
    outcome = conflict(scaffold, shop, "update")
    assert "Next:\n  git mergetool\n  git commit -m 'Update to v2.0.0'\n" in outcome.err


def test_finish_reports_conflicts_and_leaves_the_way_back(scaffold: Scaffold, shop: Path) -> None:
    conflict(scaffold, shop, "update")
    assert scaffold("update", "--finish").code == 1
    git(shop, "checkout", "--quiet", "--theirs", "notes.txt")
    git(shop, "add", "notes.txt")
    checked = scaffold("update", "--finish")
    assert (checked.code, "no conflict left" in checked.err) == (0, True)
    assert scaffold("update", "--abort").code == 0


@pytest.mark.parametrize("end", ["--abort", "--finish"])
def test_after_a_change_nothing_speaks_of_an_update(
    end: str, scaffold: Scaffold, shop: Path
) -> None:
    said = [
        conflict(scaffold, shop, "change"),
        scaffold("change", "colour=red"),
        scaffold("change", "--finish"),
    ]
    if end == "--finish":
        (shop / "colour.txt").write_text("The colour is violet.\n")
        said.append(scaffold("change", "--finish"))
        commit(shop, "Change")
        said.append(scaffold("change", "--abort"))
    said += [scaffold("change", end), scaffold("change", end)]
    told = "".join(outcome.out + outcome.err for outcome in said)
    assert "the change of colour" in told
    assert "update" not in told.casefold()


def test_abort_of_a_change_restores_every_file(scaffold: Scaffold, shop: Path) -> None:
    edit(shop, "colour.txt")
    before = tree(shop)
    assert scaffold("change", "colour=blue").code == 1
    assert scaffold("change", "--abort").code == 0
    assert tree(shop) == before
    assert git(shop, "status", "--porcelain") == ""


def test_a_plan_in_colour_says_the_same(scaffold: Scaffold, shop: Path) -> None:
    plain = scaffold("update", "--dry-run").out
    coloured = scaffold("update", "--color", "always", "--dry-run").out
    assert "\x1b[36mchanged" in coloured
    assert ESCAPE.sub("", coloured) == plain


def test_data_is_never_coloured(scaffold: Scaffold, shop: Path) -> None:
    assert "\x1b" not in scaffold("update", "--dry-run", "--json", "--color=always").out


def conflict(scaffold: Scaffold, shop: Path, command: str) -> Outcome:
    """Run the command after an edit that it is in conflict with."""
    path, arguments = {
        "update": ("notes.txt", ["update"]),
        "change": ("colour.txt", ["change", "colour=blue"]),
    }[command]
    edit(shop, path)
    outcome = scaffold(*arguments)
    assert (outcome.code, f"in conflict  {path}" in outcome.out) == (1, True)
    return outcome


def edit(shop: Path, path: str) -> None:
    (shop / path).write_text("Our own line.\n")
    commit(shop, "Our edit")
