"""Plain `copier update` brings a generated project to a newer template and loses no edit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from copier import Settings, run_copy, run_update
from pytest_copie.plugin import Copie

from tests.combinations import TEMPLATE, label
from tests.tool.conftest import Scaffold, commit, git, tree
from tests.tool.releases import build

PRESETS = [dict(preset.answers) for preset in TEMPLATE.presets.values()]


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template with the releases v1.0.0 and v2.0.0; which is checked out may change."""
    return build(tmp_path_factory.mktemp("releases") / "template")


def make(scaffold: Scaffold, releases: Path, workplace: Path, answers: dict[str, str]) -> Path:
    """A project of the first release, made by the tool."""
    git(releases, "checkout", "--quiet", "v1.0.0")
    settings = [word for item in answers.items() for word in ("--set", "=".join(item))]
    outcome = scaffold("new", "shop", "--template", str(releases), "--defaults", *settings)
    assert outcome.code == 0, outcome.err
    git(releases, "checkout", "--quiet", "main")
    return workplace / "shop"


def update(project: Path) -> None:
    """Exactly what a user types: `copier update --defaults`."""
    subprocess.run(
        [sys.executable, "-m", "copier", "update", "--defaults"],
        cwd=project, check=True, capture_output=True,
    )  # fmt: skip


@pytest.mark.parametrize("answers", PRESETS, ids=label)
def test_an_untouched_project_becomes_what_a_new_one_would_be(
    scaffold: Scaffold, releases: Path, workplace: Path, answers: dict[str, str]
) -> None:
    project = make(scaffold, releases, workplace, answers)
    update(project)

    fresh = workplace / "fresh" / "shop"
    run_copy(
        str(releases), fresh, data={"name": "shop", **answers},
        defaults=True, quiet=True, settings=Settings(),
    )  # fmt: skip
    assert tree(project) == tree(fresh)
    assert (project / "added.txt").read_text() == "shop-eu\n"
    assert not (project / "dropped.txt").exists()
    assert yaml.safe_load((project / ".copier-answers.yml").read_text())["_commit"] == "v2.0.0"


def test_edits_of_the_user_are_merged_and_kept(
    scaffold: Scaffold, releases: Path, workplace: Path
) -> None:
    project = make(scaffold, releases, workplace, PRESETS[0])
    notes = project / "notes.txt"
    notes.write_text(notes.read_text().replace("one", "ONE"))
    (project / "src/app/mine.py").write_text("MINE = True\n")
    readme = project / "README.md"
    readme.write_text(readme.read_text() + "\nOur own words.\n")
    commit(project, "Our edits")

    update(project)

    assert notes.read_text() == "shop\n\nONE\ntwo\nthree\n\nfour\nfive\nSIX\n"
    assert (project / "src/app/mine.py").read_text() == "MINE = True\n"
    assert readme.read_text().endswith("\nOur own words.\n")
    assert "UU" not in git(project, "status", "--porcelain")


def test_edits_of_the_same_line_become_a_conflict_that_git_knows(
    scaffold: Scaffold, releases: Path, workplace: Path
) -> None:
    project = make(scaffold, releases, workplace, PRESETS[0])
    notes = project / "notes.txt"
    notes.write_text(notes.read_text().replace("six", "seven"))
    commit(project, "Our edit")
    update(project)
    assert "UU notes.txt" in git(project, "status", "--porcelain")
    assert "seven" in notes.read_text()
    assert "SIX" in notes.read_text()


def test_an_answer_can_be_changed_there_and_back(
    scaffold: Scaffold, releases: Path, workplace: Path
) -> None:
    project = make(scaffold, releases, workplace, PRESETS[0])
    before = tree(project)
    for database in ("postgresql", "sqlite"):
        run_update(
            project, data={"database": database}, vcs_ref="v1.0.0", defaults=True,
            overwrite=True, quiet=True, settings=Settings(),
        )  # fmt: skip
        commit(project, f"Change to {database}")
    assert tree(project) == before


def test_copier_copy_works_from_the_address_of_the_repository(
    releases: Path, workplace: Path
) -> None:
    copied = subprocess.run(
        [sys.executable, "-m", "copier", "copy", "--defaults", "--data", "name=shop",
         f"git+{releases.as_uri()}", "shop"],
        cwd=workplace, check=True, capture_output=True, text=True,
    )  # fmt: skip
    assert "Next:\n  cd shop\n  git init" in copied.stderr
    answers = yaml.safe_load((workplace / "shop/.copier-answers.yml").read_text())
    assert answers["_commit"] == "v2.0.0"
    assert (workplace / "shop/README.md").exists()


def test_pytest_copie_copies_and_updates_the_template(copie: Copie, releases: Path) -> None:
    first = copie.copy({"name": "shop"}, template_dir=releases, vcs_ref="v1.0.0")
    assert first.exit_code == 0, first.exception
    assert first.project_dir is not None
    git(first.project_dir, "init", "--quiet")
    commit(first.project_dir, "Start")
    second = copie.update(first, vcs_ref="v2.0.0")
    assert second.exit_code == 0, second.exception
    assert (first.project_dir / "added.txt").read_text() == "shop-eu\n"
