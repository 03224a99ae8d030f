"""Plain `copier update` gives the same tree, with two exceptions.

It deletes a file that the template drops, edited or not: here an edited one is kept. And a file
that one stretch of releases both renames and changes is a conflict there: here it is merged.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from copier import Settings, run_update

from scaffold.git.merge import File, has_markers
from tests.combinations import TEMPLATE, label
from tests.tool.conftest import Scaffold, commit, git
from tests.updates.projects import Answers, Releases, copied, files, pairwise

EMPTY = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"
GUIDES = "docs/guides"
CHANGED_AND_MOVED = [f"{GUIDES}/{name}.md" for name in ("again/moved-1", "moved-2", "moved-3")]
IN_CONFLICT = [f"docs/operations/{name}.md" for name in ("added-1", "notes", "überblick und plan")]
PRESETS = [dict(preset.answers) for preset in TEMPLATE.presets.values()]
OTHERS = [row for row in pairwise() if row["audit"] and row["size"] == "large"][:1]


def update_with_copier(project: Path) -> None:
    """What `copier update --defaults --trust` does; a move in the template needs the trust."""
    run_update(project, defaults=True, overwrite=True, quiet=True, unsafe=True, settings=Settings())


@pytest.mark.parametrize("answers", [*PRESETS, *OTHERS], ids=label)
def test_an_update_without_conflict_gives_the_tree_of_copier(
    scaffold: Scaffold, made_up: Releases, tmp_path: Path, answers: Answers
) -> None:
    project = made_up.project(tmp_path / "ours" / "shop", "v1.0.0", answers)
    edit(project)
    theirs = copied(project, tmp_path / "theirs" / "shop")

    outcome = scaffold("update", str(project), "--defaults")
    update_with_copier(theirs)

    assert outcome.code == 0, outcome.out
    check_same(files(project), files(theirs))


def check_same(ours: dict[str, File], theirs: dict[str, File]) -> None:
    """The same files, but for the ones that were renamed and changed: conflicts there."""
    for path in CHANGED_AND_MOVED:
        assert has_markers(theirs.pop(path).content)
        assert not has_markers(ours.pop(path).content)
    assert ours == theirs


def edit(project: Path) -> None:
    """Edits that no release touches, in files that releases change and in files they leave."""
    first_line(project, "docs/operations/notes.md", "Ours.\n")
    first_line(project, "src/app/main.py", "# Ours.\n")
    first_line(project, "docs/api.md", "Ours.\n")
    (project / "src/app/ours.py").write_text("OURS = True\n")
    (project / "docs/operations/added").mkdir()
    (project / "docs/operations/added/unsere Übersicht.md").write_text("Ours.\n")
    (project / "scripts/stays.sh").chmod(0o644)
    (project / "docs/errors.md").unlink()
    git(project, "mv", "docs/database.md", "docs/our database.md")
    commit(project, "Our edits")


def test_conflicts_are_the_ones_of_copier(
    scaffold: Scaffold, made_up: Releases, tmp_path: Path
) -> None:
    """The same files with the same markers, and the same stages in the index."""
    project = made_up.project(tmp_path / "ours" / "shop", "v1.0.0", PRESETS[0])
    first_line(project, "docs/operations/added-1.md", "Ours.\n")
    for path in ("notes.md", "überblick und plan.md"):
        file = project / "docs/operations" / path
        file.write_text(file.read_text().replace("Line 10 of the template", "Line 10 is ours"))
    commit(project, "Our edits")
    theirs = copied(project, tmp_path / "theirs" / "shop")

    assert scaffold("update", str(project), "--defaults").code == 1
    update_with_copier(theirs)

    mine, other = files(project), files(theirs)
    assert [path for path in mine if has_markers(mine[path].content)] == IN_CONFLICT
    check_same(mine, other)
    assert unmerged(project) == unmerged(theirs)


def unmerged(project: Path) -> list[str]:
    """The versions of the files in conflict, as git keeps them.

    Where both sides added a file, copier notes an empty one before; git itself notes none.
    """
    listed = git(project, "ls-files", "--unmerged").splitlines()
    return [line for line in listed if EMPTY not in line and f"\t{GUIDES}/" not in line]


def test_copier_deletes_an_edited_file_that_the_template_drops_and_scaffold_keeps_it(
    scaffold: Scaffold, made_up: Releases, tmp_path: Path
) -> None:
    path = "docs/versioning.md"
    project = made_up.project(tmp_path / "ours" / "shop", "v1.0.0", PRESETS[0])
    first_line(project, path, "Weeks of work.\n")
    commit(project, "Our edit")
    theirs = copied(project, tmp_path / "theirs" / "shop")

    outcome = scaffold("update", str(project), "--defaults", "--json")
    update_with_copier(theirs)

    assert not (theirs / path).exists()
    assert (project / path).read_text().startswith("Weeks of work.\n")
    assert [file["path"] for file in json.loads(outcome.out)["files"]["kept"]] == [path]
    assert outcome.code == 1
    mine = files(project)
    mine.pop(path)
    check_same(mine, files(theirs))


@pytest.mark.parametrize("name", ["moved-2.md", "moved-4.md"], ids=["changed", "the same"])
def test_an_edit_of_a_moved_file_is_there_after_both(
    scaffold: Scaffold, made_up: Releases, tmp_path: Path, name: str
) -> None:
    project = made_up.project(tmp_path / "ours" / "shop", "v1.0.0", PRESETS[0])
    old, new = f"docs/operations/{name}", f"docs/guides/{name}"
    first_line(project, old, "Ours.\n")
    commit(project, "Our edit")
    theirs = copied(project, tmp_path / "theirs" / "shop")

    assert scaffold("update", str(project), "--defaults").code == 0
    update_with_copier(theirs)

    assert (project / new).read_text().startswith("Ours.\n")
    assert "Ours.\n" in (theirs / new).read_text()
    assert not (project / old).exists()
    assert not (theirs / old).exists()


def first_line(project: Path, path: str, line: str) -> None:
    """Put a line before all others; a new file is made."""
    file = project / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(line + (file.read_text() if file.exists() else ""))
