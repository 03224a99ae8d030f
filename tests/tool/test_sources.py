"""Where the template comes from, and what the answers file says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scaffold import sources
from scaffold.problems import Problem
from tests.combinations import ROOT
from tests.tool.conftest import Scaffold, commit, export, git
from tests.tool.test_new import answers_of


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A template repository of the test's own, with one commit."""
    folder = tmp_path / "own-template"
    export(folder)
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "First")
    return folder


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, template_folder: Path) -> None:
    """As if the package were installed: it has a copy of the template, and no checkout."""
    monkeypatch.setattr(sources, "_runs_in_place", lambda: False)
    monkeypatch.setattr(sources, "_EMBEDDED", template_folder)
    monkeypatch.setattr(sources, "_public_address", str)
    monkeypatch.delenv("SCAFFOLD_TEMPLATE")


def note(monkeypatch: pytest.MonkeyPatch, **noted: object) -> None:
    """What the installer noted (PEP 610)."""
    monkeypatch.setattr(sources, "_direct_url", lambda: noted)


def test_a_run_in_place_uses_its_own_checkout() -> None:
    with sources.opened(None) as source:
        assert source.root == sources.shipped() == ROOT


def test_an_install_from_git_records_that_address_and_commit(
    installed: None, monkeypatch: pytest.MonkeyPatch, scaffold: Scaffold, workplace: Path
) -> None:
    note(
        monkeypatch,
        url="https://git.example.org/acme/scaffold",
        vcs_info={"vcs": "git", "commit_id": "a" * 40},
    )
    outcome = scaffold("new", "shop", "--defaults")
    assert "warning" not in outcome.err
    answers = answers_of(workplace / "shop")
    # copier takes an address for git's only with the prefix, unless it ends in .git
    assert answers["_src_path"] == "git+https://git.example.org/acme/scaffold"
    assert answers["_commit"] == "a" * 40


@pytest.mark.parametrize(
    "address",
    [
        "https://github.com/acme/scaffold",
        "git@example.org:acme/scaffold",
        "https://example.org/a.git",
        "git+ssh://example.org/a",
    ],
)
def test_an_address_that_copier_knows_as_git_is_recorded_as_it_is(
    installed: None, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    note(monkeypatch, url=address, vcs_info={"vcs": "git", "commit_id": "abc"})
    with sources.opened(None) as source:
        assert source.origin == {"_src_path": address, "_commit": "abc"}


def test_an_install_from_a_checkout_uses_that_checkout(
    installed: None, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    git(repository, "tag", "v2.0.0")
    note(monkeypatch, url=repository.as_uri(), dir_info={})
    with sources.opened(None) as source:
        assert source.root == repository
        assert source.origin == {"_src_path": str(repository), "_commit": "v2.0.0"}


@pytest.mark.parametrize(
    "noted", [{}, {"url": "file:///gone", "dir_info": {}}, {"url": "x.whl", "archive_info": {}}]
)
def test_without_a_source_the_tool_says_that_updates_will_not_work(
    installed: None,
    monkeypatch: pytest.MonkeyPatch,
    scaffold: Scaffold,
    workplace: Path,
    noted: dict[str, object],
) -> None:
    note(monkeypatch, **noted)
    outcome = scaffold("new", "shop", "--defaults")
    assert outcome.code == 0
    assert outcome.err.startswith("warning: this scaffold was built without its history, so `copi")
    assert {"_src_path", "_commit"}.isdisjoint(answers_of(workplace / "shop"))


def test_the_installers_note_is_read_from_the_distribution(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    info = tmp_path / "backend_scaffold-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: backend-scaffold\nVersion: 1\n")
    (info / "direct_url.json").write_text(json.dumps({"url": "file:///x", "dir_info": {}}))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert sources._direct_url() == {"url": "file:///x", "dir_info": {}}


def test_without_a_distribution_there_is_no_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "DISTRIBUTION", "no-such-distribution")
    assert sources._direct_url() == {}


def test_uncommitted_changes_are_rendered_and_told(
    scaffold: Scaffold, repository: Path, workplace: Path
) -> None:
    (repository / "template" / "{{use.always}}").mkdir(exist_ok=True)
    (repository / "template" / "{{use.always}}" / "extra.txt").write_text("new\n")
    outcome = scaffold("new", "shop", "--defaults", "--template", str(repository))
    head = git(repository, "rev-parse", "--short", "HEAD").strip()
    assert outcome.err.startswith(
        f"warning: the template {repository} has changes that are not committed: the project has "
        f"them, but `copier update` starts from the last commit, {head}\n"
    )
    assert answers_of(workplace / "shop")["_commit"] == head
    assert (workplace / "shop/extra.txt").exists()


@pytest.mark.parametrize("has_repository", [True, False])
def test_a_folder_without_a_commit_can_be_used_but_not_updated_from(
    scaffold: Scaffold, tmp_path: Path, workplace: Path, has_repository: bool
) -> None:
    folder = tmp_path / "loose"
    export(folder)
    if has_repository:
        git(folder, "init", "--quiet")
    outcome = scaffold("new", "shop", "--defaults", "--template", str(folder))
    reason = "has no commit" if has_repository else "is no git repository"
    assert outcome.err.startswith(
        f"warning: the template {folder} {reason}, so `copier update` cannot start there\n"
    )
    answers = answers_of(workplace / "shop")
    assert answers["_src_path"] == str(folder)
    assert "_commit" not in answers


def test_a_git_address_is_cloned_at_its_newest_release(
    scaffold: Scaffold, repository: Path, workplace: Path
) -> None:
    for release in ("v1.2.0", "v1.10.0", "v1.9.0", "nightly"):
        git(repository, "tag", release)
    (repository / "template" / "unreleased.txt").write_text("x")
    commit(repository, "Not released")
    outcome = scaffold("new", "shop", "--defaults", "--template", repository.as_uri())
    assert outcome.code == 0
    assert not (workplace / "shop/unreleased.txt").exists()
    answers = answers_of(workplace / "shop")
    assert answers["_src_path"] == f"git+{repository.as_uri()}"
    assert answers["_commit"] in ("v1.2.0", "v1.10.0", "v1.9.0", "nightly")


def test_a_git_address_without_releases_is_cloned_at_its_head(
    repository: Path,
) -> None:
    with sources.opened(f"git+{repository.as_uri()}") as source:
        assert source.origin["_src_path"] == f"git+{repository.as_uri()}"
        assert source.origin["_commit"] == git(repository, "rev-parse", "--short", "HEAD").strip()


def test_an_address_that_does_not_answer_is_told(scaffold: Scaffold, tmp_path: Path) -> None:
    address = (tmp_path / "nothing.git").as_uri()
    outcome = scaffold("new", "shop", "--defaults", "--template", address)
    assert outcome.code == 2
    assert outcome.err.startswith(f"error: cannot get the template from {address}\n\nhint: ")


def test_a_git_address_needs_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Problem, match="git is missing"), sources.opened("https://x.org/a.git"):
        pass
