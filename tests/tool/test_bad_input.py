"""Wrong input: one error line, a hint, exit code 2, nothing written; docs/errors.md shows it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.combinations import ROOT
from tests.tool import bad_input, bad_updates
from tests.tool.bad_input import BadInput
from tests.tool.conftest import Outcome, Scaffold, tree

DOCUMENT = ROOT / "docs" / "errors.md"
PAGE = """\
# Errors

When something is wrong, `scaffold` prints one line `error:` and one line `hint:` on stderr. The
[exit code](guide.md#exit-codes) is 2, and nothing is written: no folder, no file, no half
repository. A test runs each of these commands.

## Without a project

The current folder is empty, if nothing else is said. It is `.` here.

{new}
## In a project

The project is at the release v1.0.0 of a template that has v2.0.0.

{project}"""
TABLES = (bad_input.CASES, bad_updates.CASES)
shown: dict[str, list[str]] = {"new": [], "project": []}
"""What the cases of each section printed, for the page."""


@pytest.mark.parametrize("case", bad_input.CASES, ids=lambda case: case.title)
def test_a_mistake_is_told_in_one_line_and_leaves_nothing(
    case: BadInput, scaffold: Scaffold, workplace: Path
) -> None:
    case.arrange(workplace)
    before = listing(workplace)
    outcome = scaffold(*case.arguments)
    check(case, outcome)
    assert listing(workplace) == before
    show("new", case, outcome.err.replace(f"{workplace}/", "./").replace(str(workplace), "."))


@pytest.mark.parametrize("case", bad_updates.CASES, ids=lambda case: case.title)
def test_a_mistake_in_a_project_is_told_in_one_line_and_changes_nothing(
    case: BadInput, scaffold: Scaffold, project: Path, two_releases: Path
) -> None:
    case.arrange(project)
    before = tree(project)
    outcome = scaffold(*case.arguments)
    check(case, outcome)
    assert tree(project) == before
    told = outcome.err.replace(str(two_releases), "/template").replace(str(project), ".")
    show("project", case, told)


def test_the_page_of_errors_has_these_cases_in_this_order() -> None:
    if os.environ.get("UPDATE_DOCS"):
        assert [len(blocks) for blocks in shown.values()] == [len(cases) for cases in TABLES]
        DOCUMENT.write_text(PAGE.format(**{name: console(told) for name, told in shown.items()}))
    titles = [line[2:] for line in DOCUMENT.read_text().splitlines() if line.startswith("# ")]
    assert titles == ["Errors", *(case.title for cases in TABLES for case in cases)]


def check(case: BadInput, outcome: Outcome) -> None:
    """One `error:` line, a blank line, one `hint:` line, and the words of the case in them."""
    error, blank, hint, end = outcome.err.split("\n")
    assert error.startswith("error: ") and case.error in error
    assert hint.startswith("hint: ") and case.hint in hint
    assert (blank, end, outcome.out, outcome.code) == ("", "", "", 2)


def show(section: str, case: BadInput, told: str) -> None:
    """Keep a block of the page, and check that the page has it."""
    block = f"# {case.title}\n$ {command(case.arguments)}\n{told}"
    shown[section].append(block)
    assert os.environ.get("UPDATE_DOCS") or block in DOCUMENT.read_text(), "run `make docs`"


def console(blocks: list[str]) -> str:
    text = "\n".join(blocks)
    return f"```console\n{text}```\n"


def command(arguments: Sequence[str]) -> str:
    """The command as one would type it in bash."""
    return " ".join(["scaffold", *map(quoted, arguments)])


def quoted(argument: str) -> str:
    if argument and argument.isprintable() and " " not in argument:
        return argument
    escaped = os.fsencode(argument).decode("latin-1").encode("unicode_escape").decode()
    return f"$'{escaped}'"


def test_git_missing_is_told_before_anything_is_written(
    scaffold: Scaffold, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(workplace))
    outcome = scaffold("new", "shop", "--defaults")
    assert outcome.err == "error: git is missing\n\nhint: install git, or add `--no-git`\n"
    assert (outcome.code, listing(workplace)) == (2, [])


def test_without_git_a_project_can_be_made_with_no_git(
    scaffold: Scaffold, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(workplace))
    outcome = scaffold("new", "shop", "--defaults", "--no-git")
    assert outcome.code == 0
    assert "cannot be read without git, so `copier update` cannot start there" in outcome.err
    assert not (workplace / "shop" / ".git").exists()


def test_a_fault_of_scaffold_is_told_in_one_line(
    scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scaffold.project.staging.check", fail)
    outcome = scaffold("new", "shop", "--defaults")
    assert outcome.err == (
        "error: scaffold failed: KeyError: 'nothing'\n\n"
        "hint: this is a bug in scaffold; SCAFFOLD_DEBUG=1 shows where it happened\n"
    )
    assert outcome.code == 70


def test_scaffold_debug_shows_the_traceback(
    scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scaffold.project.staging.check", fail)
    monkeypatch.setenv("SCAFFOLD_DEBUG", "1")
    with pytest.raises(KeyError):
        scaffold("new", "shop", "--defaults")


def test_a_kernel_folder_that_cannot_be_written_is_told(scaffold: Scaffold) -> None:
    outcome = scaffold("new", "/proc/shop", "--defaults")
    assert outcome.err.startswith(
        "error: cannot write /proc/shop: no such file or directory\n\nhint: "
    )
    assert outcome.code == 2


def fail(_: Path) -> None:
    raise KeyError("nothing")


def listing(folder: Path) -> list[str]:
    """Everything below `folder`, folders and hidden files too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
