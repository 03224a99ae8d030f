"""What lies in the way of a release: it stays, and is told; what leaves is no obstacle."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.tool.conftest import Scaffold, commit, git
from tests.updates.projects import files, state
from tests.updates.small import Files, project, put, template

TEXT = "".join(f"{number}\n" for number in range(9))


@pytest.mark.parametrize(
    ("before", "after"),
    [({"docs/a": "file"}, {"docs/a/b.md": TEXT}), ({"docs/a/b.md": TEXT}, {"docs/a": "file"})],
    ids=["file to folder", "folder to file"],
)
def test_a_file_and_a_folder_change_places(
    scaffold: Scaffold, tmp_path: Path, before: Files, after: Files
) -> None:
    shop = project(template(tmp_path / "template", before, after), tmp_path / "shop")
    committed = state(shop)
    outcome = scaffold("update", str(shop))
    assert outcome.code == 0, outcome.out
    assert set(files(shop)) == {*after, ".copier-answers.yml"}

    assert scaffold("update", "--abort", str(shop)).code == 0
    assert state(shop) == committed


@pytest.mark.parametrize("in_git", [True, False], ids=["committed", "ignored"])
@pytest.mark.parametrize("path", ["docs/a", "docs/a/ours.md"])
def test_what_is_in_the_way_stays(
    scaffold: Scaffold, tmp_path: Path, path: str, in_git: bool
) -> None:
    new = "docs/a/b.md" if path == "docs/a" else "docs/a"
    shop = project(template(tmp_path / "template", {"x": ""}, {new: TEXT}), tmp_path / "shop")
    put(shop, {path: "ours\n"})
    if in_git:
        commit(shop, "Ours")
    else:
        (shop / ".git/info/exclude").write_text(f"/{path}\n")

    outcome = scaffold("update", str(shop), "--json")

    assert [file["path"] for file in json.loads(outcome.out)["files"]["kept"]] == [new]
    assert outcome.code == 1
    assert (shop / path).read_text() == "ours\n"
    assert not (shop / new).is_file()


def test_nothing_is_written_through_a_link_out_of_the_project(
    scaffold: Scaffold, tmp_path: Path
) -> None:
    shop = project(template(tmp_path / "template", {"x": ""}, {"docs/a": TEXT}), tmp_path / "shop")
    (tmp_path / "elsewhere").mkdir()
    (shop / "docs").symlink_to(tmp_path / "elsewhere")
    (shop / ".git/info/exclude").write_text("/docs\n")
    assert scaffold("update", str(shop)).code == 1
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (shop / "docs").is_symlink()


def test_an_own_file_stays_executable_beside_a_new_one(scaffold: Scaffold, tmp_path: Path) -> None:
    root = template(tmp_path / "template", {"x": ""}, {"run.sh": "theirs\n"})
    shop = project(root, tmp_path / "shop", {"run.sh!": "ours\n"})
    assert scaffold("update", str(shop)).code == 1
    assert (shop / "run.sh").stat().st_mode & 0o111 == 0o111


def test_a_file_in_conflict_becomes_executable_with_the_template(
    scaffold: Scaffold, tmp_path: Path
) -> None:
    root = template(tmp_path / "template", {"run.sh": "old\n"}, {"run.sh!": "theirs\n"})
    shop = project(root, tmp_path / "shop", {"run.sh": "ours\n"})
    assert scaffold("update", str(shop)).code == 1
    assert b"<<<<<<<" in (shop / "run.sh").read_bytes()
    assert (shop / "run.sh").stat().st_mode & 0o111 == 0o111
    assert "UU run.sh" in git(shop, "status", "--porcelain")


@pytest.mark.parametrize("flag", ["assume-unchanged", "skip-worktree"])
def test_edits_that_git_was_told_to_overlook_stop_an_update(
    scaffold: Scaffold, tmp_path: Path, flag: str
) -> None:
    root = template(tmp_path / "template", {"config": "old\n"}, {"config": "new\n"})
    shop = project(root, tmp_path / "shop")
    git(shop, "update-index", f"--{flag}", "config")
    (shop / "config").write_text("ours\n")

    outcome = scaffold("update", str(shop))

    assert (outcome.code, (shop / "config").read_text()) == (2, "ours\n")
    assert "git was told to ignore changes of config" in outcome.err
    assert "`git update-index --no-assume-unchanged --no-skip-worktree config`" in outcome.err


def test_a_service_among_others_is_updated_and_taken_back_alone(
    scaffold: Scaffold, tmp_path: Path
) -> None:
    """Work in another folder of the repository, staged or not, stays as it is."""
    root = template(
        tmp_path / "template",
        {"a": TEXT, "conflict": TEXT, "dropped": TEXT},
        {"a": f"{TEXT}new\n", "conflict": f"new\n{TEXT}", "new/b": "b\n"},
    )
    outer = tmp_path / "outer"
    outer.mkdir()
    git(outer, "init", "--quiet")
    shop = outer / "services" / "shop"
    git(root, "checkout", "--quiet", "v1.0.0")
    arguments = ("--defaults", "--no-git", "--template", str(root))
    assert scaffold("new", str(shop), *arguments).code == 0
    git(root, "checkout", "--quiet", "main")
    put(outer, {"services/shop/conflict": f"ours\n{TEXT}", "other/staged": "", "other/edited": ""})
    commit(outer, "Start")
    put(outer, {"other/staged": "1\n", "other/edited": "2\n", "other/new": "3\n"})
    git(outer, "add", "other/staged")
    before = state(outer)

    assert scaffold("update", str(shop)).code == 1
    assert git(outer, "status", "--porcelain").splitlines() == [
        " M other/edited",
        "M  other/staged",
        "M  services/shop/.copier-answers.yml",
        "M  services/shop/a",
        "UU services/shop/conflict",
        "D  services/shop/dropped",
        "A  services/shop/new/b",
        "?? other/new",
    ]
    assert scaffold("update", "--abort", str(shop)).code == 0
    assert state(outer) == before
