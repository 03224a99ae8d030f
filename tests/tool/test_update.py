"""`update`, `change` and `diff`: what they show, what they write, and the way back."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from scaffold.cli.app import run
from tests.combinations import ROOT
from tests.tool.conftest import Scaffold, commit, git, tree


def state(project: Path) -> tuple[object, ...]:
    """All that git and the disk know of a project."""
    status = git(project, "status", "--porcelain", "--ignored")
    return tree(project), status, git(project, "ls-files", "--stage"), git(project, "log", "--all")


def edit(project: Path, path: str, old: str, new: str) -> None:
    """Replace a text in a file and commit it."""
    file = project / path
    content = file.read_text()
    assert old in content
    file.write_text(content.replace(old, new))
    commit(project, f"Edit {path}")


def fresh(template: Path, folder: Path, **answers: str) -> Mapping[str, tuple[bytes, int]]:
    """What a new project of the last release would be."""
    words = [f"--set={name}={value}" for name, value in answers.items()]
    assert run(["new", str(folder), "--defaults", "--template", str(template), *words]) == 0
    return tree(folder)


def test_update_merges_the_release_and_keeps_what_the_team_wrote(
    scaffold: Scaffold, project: Path
) -> None:
    outcome = scaffold("update")
    assert outcome.code == 0, outcome.err
    assert (project / "notes.txt").read_text().endswith("SIX\n")
    assert (project / "added.txt").read_text() == "shop-eu\n"
    assert not (project / "dropped.txt").exists()
    assert (project / "src/app/mine.py").read_text() == "MINE = True\n"
    assert (project / "README.md").read_text().endswith("\nOur own words.\n")
    recorded = yaml.safe_load((project / ".copier-answers.yml").read_text())
    assert (recorded["_commit"], recorded["region"]) == ("v2.0.0", "shop-eu")


def test_update_gives_the_tree_that_plain_copier_gives(
    scaffold: Scaffold, project: Path, workplace: Path
) -> None:
    edit(project, "notes.txt", "one", "ONE")
    other = workplace / "other" / "shop"
    shutil.copytree(project, other)
    assert scaffold("update").code == 0
    subprocess.run(
        [sys.executable, "-m", "copier", "update", "--defaults"],
        cwd=other, check=True, capture_output=True,
    )  # fmt: skip
    assert tree(project) == tree(other)


def test_what_will_come_is_shown_before(scaffold: Scaffold, project: Path) -> None:
    edit(project, "notes.txt", "one", "ONE")
    edit(project, "dropped.txt", "old", "ours")
    before = state(project)
    outcome = scaffold("update", "--dry-run")
    assert outcome.out == (
        "v1.0.0 → v2.0.0\n"
        "\nNews\n  ## 2.0.0\n\n  - Regions\n"
        "\nAnswers\n  region: shop-eu (new question)\n"
        "\nSettings\n  REGION is new\n"
        "\nFiles\n"
        "  added        added.txt\n"
        "  changed      .env.example\n"
        "  merged       notes.txt\n"
        "  removed      obsolete.txt\n"
        "  kept         dropped.txt (you changed it; the template has dropped it)\n"
    )
    assert (outcome.code, outcome.err) == (0, "\nNothing was written.\n")
    assert state(project) == before


def test_the_same_facts_come_as_json(scaffold: Scaffold, project: Path) -> None:
    edit(project, "dropped.txt", "old", "ours")
    facts = json.loads(scaffold("update", "--dry-run", "--json").out)
    assert (facts["from"], facts["to"], facts["applied"]) == ("v1.0.0", "v2.0.0", False)
    assert facts["answers"] == {"region": {"from": None, "to": "shop-eu"}}
    assert facts["settings"] == {"added": ["REGION"], "removed": []}
    assert facts["files"]["added"] == [{"path": "added.txt"}]
    assert facts["files"]["kept"] == [
        {"path": "dropped.txt", "reason": "you changed it; the template has dropped it"}
    ]
    assert json.loads(scaffold("update", "--json").out)["applied"] is True


def test_a_file_that_was_dropped_but_edited_is_kept_and_reported(
    scaffold: Scaffold, project: Path
) -> None:
    edit(project, "dropped.txt", "old", "ours")
    outcome = scaffold("update")
    assert outcome.code == 1
    assert (project / "dropped.txt").read_text() == "ours\n"
    assert not (project / "obsolete.txt").exists()


def test_a_conflict_is_one_that_git_knows_until_it_is_resolved(
    scaffold: Scaffold, project: Path
) -> None:
    edit(project, "notes.txt", "six", "seven")
    outcome = scaffold("update")
    assert (outcome.code, "in conflict  notes.txt" in outcome.out) == (1, True)
    assert "UU notes.txt" in git(project, "status", "--porcelain")
    assert "<<<<<<< before updating\nseven\n=======\nSIX\n" in (project / "notes.txt").read_text()

    unfinished = scaffold("update", "--finish")
    assert (unfinished.code, unfinished.err.splitlines()[1:]) == (1, ["  notes.txt"])
    git(project, "add", "notes.txt")  # with the markers still in it
    assert scaffold("update", "--finish").code == 1

    (project / "notes.txt").write_text("seven and SIX\n")
    git(project, "add", "notes.txt")
    git(project, "commit", "--message", "Update")
    assert "is at v2.0.0 already" in scaffold("update").err  # nothing has to be finished
    assert scaffold("update", "--finish").err == "The update to v2.0.0 is finished.\n"
    assert scaffold("update", "--finish").err == "Nothing is unfinished.\n"


def test_abort_gives_back_the_exact_state_and_keeps_what_was_written_since(
    scaffold: Scaffold, project: Path
) -> None:
    edit(project, "notes.txt", "six", "seven")
    before = state(project)[:3]
    scaffold("update")
    (project / "notes.txt").write_text("half resolved\n")
    outcome = scaffold("update", "--abort")
    assert outcome.code == 0
    assert state(project)[:3] == before
    kept = git(project, "show", "refs/scaffold/aborted:notes.txt")
    assert kept == "half resolved\n"
    assert git(project, "rev-parse", "refs/scaffold/aborted")[:12] in outcome.err


def test_the_doctor_names_a_change_that_was_left(
    scaffold: Scaffold, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCAFFOLD_TEMPLATE")
    scaffold("new", "shop", "--defaults")
    scaffold("change", "shop", "queue=none")
    outcome = scaffold("doctor", "shop")
    assert outcome.code == 1
    assert "missing   change of queue is not committed → commit it, or `scaffold" in outcome.out


def test_a_change_says_how_rows_move(scaffold: Scaffold, project: Path) -> None:
    outcome = scaffold("change", "database=postgresql", "--dry-run")
    assert "To do by hand\n  1.  Before the change, stop the service" in outcome.out
    assert "\n      load" not in scaffold("change", "ci=none", "--dry-run").out
    assert json.loads(scaffold("change", "database=postgresql", "--json").out)["steps"]


def test_an_update_that_git_took_back_does_not_stand_in_the_way(
    scaffold: Scaffold, project: Path
) -> None:
    assert scaffold("update").code == 0
    git(project, "reset", "--hard")
    assert scaffold("update").code == 0


def test_a_file_that_git_ignores_is_never_written_over(scaffold: Scaffold, project: Path) -> None:
    edit(project, ".gitignore", ".venv", ".venv\nadded.txt\n#")
    (project / "added.txt").write_text("private\n")
    outcome = scaffold("update")
    assert outcome.code == 1
    assert "a file that is not in git is in the way" in outcome.out
    assert (project / "added.txt").read_text() == "private\n"
    scaffold("update", "--abort")
    assert (project / "added.txt").read_text() == "private\n"


@pytest.mark.parametrize("commits", [False, True])
def test_what_is_written_while_the_plan_is_read_is_not_lost(
    scaffold: Scaffold, project: Path, monkeypatch: pytest.MonkeyPatch, commits: bool
) -> None:
    def agree(*_: object, **__: object) -> bool:
        (project / "notes.txt").write_text("written meanwhile\n")
        if commits:
            commit(project, "Meanwhile")
        return True

    monkeypatch.setattr("scaffold.terminal.console.is_terminal", lambda: True)
    monkeypatch.setattr("scaffold.interview.dialogue.asker", lambda **_: None)
    monkeypatch.setattr("scaffold.interview.dialogue.complete", lambda _, given, *__, **___: given)
    monkeypatch.setattr("scaffold.interview.dialogue.agree", agree)
    outcome = scaffold("update")
    assert outcome.code == 2
    told = "something was committed" if commits else "has changes that are not committed: notes.txt"
    assert told in outcome.err
    assert (project / "notes.txt").read_text() == "written meanwhile\n"


def test_a_disk_that_fills_up_leaves_everything_as_it_was(
    scaffold: Scaffold, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = state(project)
    real = Path.write_bytes

    def fail(path: Path, content: bytes) -> int:
        if path.name == "1":
            raise OSError(28, os.strerror(28))
        return real(path, content)

    monkeypatch.setattr(Path, "write_bytes", fail)
    outcome = scaffold("update")
    assert outcome.err == (
        "error: the update to v2.0.0 could not be written: no space left on device\n\n"
        "hint: everything is as it was before\n"
    )
    assert outcome.code == 2
    assert state(project) == before


def test_a_project_in_a_folder_of_its_repository_is_updated_there_alone(
    scaffold: Scaffold, project: Path, two_releases: Path, workplace: Path
) -> None:
    outer = workplace / "outer"
    shutil.copytree(project, outer / "services" / "shop", ignore=lambda *_: [".git"])
    git(outer, "init", "--quiet")
    (outer / "other.txt").write_text("not committed, but elsewhere\n")
    git(outer, "add", "services")
    git(outer, "commit", "--quiet", "--message", "Start")
    folder = outer / "services" / "shop"
    edit(outer, "services/shop/dropped.txt", "old", "old")  # nothing to commit changes nothing
    outcome = scaffold("update", str(folder))
    assert outcome.code == 0, outcome.err
    assert (folder / "added.txt").exists()
    assert sorted(path.name for path in outer.iterdir()) == [".git", "other.txt", "services"]
    scaffold("update", str(folder), "--abort")
    assert not (folder / "added.txt").exists()


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_check_tells_whether_a_project_is_behind(
    scaffold: Scaffold, project: Path, arguments: tuple[str, ...]
) -> None:
    assert scaffold("update", "--check", *arguments).code == 3
    scaffold("update")
    commit(project, "Update")
    assert scaffold("update", "--check", *arguments).code == 0
    assert scaffold("update", *arguments).code == 0


def test_remote_asks_the_repository_of_the_template_instead_of_this_scaffold(
    scaffold: Scaffold,
    project: Path,
    two_releases: Path,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    carried = workplace / "carried"
    git(workplace, "clone", "--quiet", "--branch=v1.0.0", str(two_releases), str(carried))
    monkeypatch.setattr("scaffold.source.locate.is_own", lambda _: True)
    monkeypatch.setattr("scaffold.source.locate.repository", lambda: carried)
    assert "is at v1.0.0 already" in scaffold("update").err
    assert scaffold("update", "--remote").code == 0
    assert (project / "added.txt").exists()


def test_a_template_at_a_git_address_is_cloned(
    scaffold: Scaffold, project: Path, two_releases: Path
) -> None:
    edit(project, ".copier-answers.yml", str(two_releases), f"git+{two_releases.as_uri()}")
    assert scaffold("update", "--to", "v2.0.0").code == 0
    assert (project / "added.txt").exists()


def test_an_answer_that_a_release_does_not_offer_any_more_must_be_given_anew(
    scaffold: Scaffold, project: Path
) -> None:
    assert scaffold("change", "flavour=sweet").code == 0
    commit(project, "Sweet")
    outcome = scaffold("update")
    assert outcome.err == (
        "error: flavour has no choice 'sweet'\n\nhint: it can be plain or sour\n"
    )
    assert scaffold("update", "--set", "flavour=sour").code == 0


def test_changing_an_answer_gives_what_a_fresh_project_would_be(
    scaffold: Scaffold, project: Path, two_releases: Path, workplace: Path
) -> None:
    git(project, "reset", "--hard", "HEAD~1")  # as it was generated
    assert scaffold("update").code == 0
    commit(project, "Update")
    outcome = scaffold("change", "database=postgresql", "queue=none")
    assert outcome.code == 0, outcome.err
    assert outcome.out.startswith("v2.0.0\n\nAnswers\n  database: sqlite → postgresql\n")
    assert "git commit -m 'Change database to postgresql, queue to none'" in outcome.err
    target = workplace / "fresh" / "shop"
    assert tree(project) == fresh(two_releases, target, database="postgresql", queue="none")


def test_changing_there_and_back_gives_the_first_tree(scaffold: Scaffold, project: Path) -> None:
    before = tree(project)
    for answer in ("auth=none", "auth=jwt"):
        assert scaffold("change", answer).code == 0
        commit(project, answer)
    assert tree(project) == before


def test_a_change_to_the_same_answer_is_nothing_to_do(scaffold: Scaffold, project: Path) -> None:
    outcome = scaffold("change", "database=sqlite")
    assert (outcome.code, "has these answers already" in outcome.err) == (0, True)


@pytest.mark.parametrize(
    "arguments", [("database=postgresql",), (), ("--to", "v2.0.0", "queue=none")]
)
def test_diff_prints_a_patch_that_git_can_apply_and_changes_nothing(
    scaffold: Scaffold, project: Path, arguments: tuple[str, ...]
) -> None:
    before = state(project)
    outcome = scaffold("diff", *arguments)
    assert (outcome.code, outcome.err) == (0, "")
    assert state(project) == before
    words = [f"--set={word}" if "=" in word else word for word in arguments]
    if "database=postgresql" in arguments:
        assert scaffold("change", *arguments).code == 0
    else:
        assert scaffold("update", *words).code == 0
    expected = tree(project)
    scaffold("update", "--abort")
    subprocess.run(["git", "apply", "-"], input=outcome.out, text=True, cwd=project, check=True)
    assert tree(project) == expected


def test_git_missing_is_told(
    scaffold: Scaffold, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(project))
    outcome = scaffold("update")
    assert outcome.err.startswith("error: git is missing\n\nhint: install git")
    assert outcome.code == 2


def test_the_project_of_this_checkout_is_updated_from_it(
    scaffold: Scaffold, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SCAFFOLD_TEMPLATE")
    assert scaffold("new", "shop", "--defaults").code == 0
    recorded = yaml.safe_load((workplace / "shop/.copier-answers.yml").read_text())
    assert recorded["_src_path"] == str(ROOT)
    assert "already" in scaffold("update", "shop").err
