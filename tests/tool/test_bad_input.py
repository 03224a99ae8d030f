"""Whatever is wrong: one error line, a hint, exit code 2, and nothing left behind."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.combinations import ROOT
from tests.tool.bad_input import CASES, BadInput, page
from tests.tool.conftest import Scaffold


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_a_mistake_is_told_in_one_line_and_leaves_nothing(
    case: BadInput, scaffold: Scaffold, workplace: Path
) -> None:
    case.arrange(workplace)
    before = listing(workplace)

    outcome = scaffold(*case.arguments)

    told = outcome.err.replace(f"{workplace}/", "./").replace(str(workplace), ".")
    assert told == f"error: {case.error}\n\nhint: {case.hint}\n"
    assert outcome.code == 2
    assert outcome.out == ""
    assert listing(workplace) == before


def test_the_page_of_errors_shows_these_cases() -> None:
    document = ROOT / "docs" / "errors.md"
    if os.environ.get("UPDATE_DOCS"):
        document.write_text(page())
    assert document.read_text() == page(), "run `make docs`"


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
        "hint: this is a fault of scaffold; SCAFFOLD_DEBUG=1 shows where it happened\n"
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
