"""Files that the template renames: the team's edits go along, and nothing is overwritten."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tool.conftest import Scaffold, commit, git
from tests.updates.projects import Releases

OLD, MIDDLE, NEW = (
    "docs/operations/moved-1.md",
    "docs/guides/moved-1.md",
    "docs/guides/again/moved-1.md",
)
WORDS = "Our own words.\n"


@pytest.fixture
def project(made_up: Releases, tmp_path: Path) -> Path:
    """A project of v1.0.0 in which one line of a file was added that v1.2.0 and v1.3.0 rename."""
    folder = made_up.project(tmp_path / "shop", "v1.0.0", {})
    file = folder / OLD
    file.write_text(WORDS + file.read_text())
    commit(folder, "Our edit")
    return folder


def test_an_edit_goes_along_with_a_file_that_was_renamed_twice(
    scaffold: Scaffold, project: Path
) -> None:
    outcome = scaffold("update", str(project), "--defaults", "--json")
    assert outcome.code == 0, outcome.err
    moved = (project / NEW).read_text()
    assert moved.startswith(WORDS)
    assert "Line 15 of this template." in moved
    assert not (project / OLD).exists()
    assert not (project / MIDDLE).exists()


def test_a_file_that_the_team_renamed_itself_is_not_renamed_again(
    scaffold: Scaffold, project: Path
) -> None:
    (project / NEW).parent.mkdir(parents=True)
    git(project, "mv", OLD, NEW)
    commit(project, "Rename it ourselves")
    assert scaffold("update", str(project), "--defaults").code == 0
    moved = (project / NEW).read_text()
    assert moved.startswith(WORDS) and "Line 15 of this template." in moved


@pytest.mark.parametrize("in_git", [True, False], ids=["committed", "ignored"])
def test_a_file_in_the_way_of_a_renamed_one_leaves_both_alone(
    scaffold: Scaffold, project: Path, in_git: bool
) -> None:
    (project / NEW).parent.mkdir(parents=True)
    (project / NEW).write_text("Ours, too.\n")
    if in_git:
        commit(project, "Our file")
    else:
        (project / ".git/info/exclude").write_text(f"/{NEW}\n")

    outcome = scaffold("update", str(project), "--defaults", "--json")

    files = json.loads(outcome.out)["files"]
    assert OLD in [file["path"] for file in files["kept"]]
    assert NEW in [file["path"] for file in files["conflict" if in_git else "kept"]]
    assert (project / OLD).read_text().startswith(WORDS)
    assert "Ours, too.\n" in (project / NEW).read_text()
