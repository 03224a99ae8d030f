"""Where the template comes from, and what the answers file says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scaffold.source import locate
from scaffold.terminal.errors import Problem
from tests.combinations import ROOT
from tests.tool.conftest import Scaffold, commit, export, git
from tests.tool.test_new import answers_of

HOME_PAGE = "https://git.example.org/acme/scaffold"
KEPT = "~/.local/share/scaffold/template.bundle"


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
    monkeypatch.setattr(locate, "_runs_in_place", lambda: False)
    monkeypatch.setattr(locate, "_EMBEDDED", template_folder)
    monkeypatch.setattr(locate, "_public_address", str)
    monkeypatch.setattr(locate, "_direct_url", dict)
    monkeypatch.delenv("SCAFFOLD_TEMPLATE")


@pytest.fixture
def carried(
    installed: None, repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """The bundle that an installed package carries, of the release v3.0.0."""
    folder = tmp_path / "_history"
    folder.mkdir()
    git(repository, "tag", "v3.0.0")
    file = folder / "template.bundle"
    git(repository, "bundle", "create", "--quiet", str(file), "HEAD", "v3.0.0")
    (folder / "REF").write_text("v3.0.0\n")
    monkeypatch.setattr(locate, "_HISTORY", folder)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    return file


def note(monkeypatch: pytest.MonkeyPatch, **noted: object) -> None:
    """What the installer noted (PEP 610)."""
    monkeypatch.setattr(locate, "_direct_url", lambda: noted)


def test_a_run_in_place_uses_its_own_checkout() -> None:
    with locate.opened(None) as source:
        assert source.root == locate.shipped() == ROOT


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
    with locate.opened(None) as source:
        assert source.origin == {"_src_path": address, "_commit": "abc"}


def test_an_install_from_a_checkout_uses_that_checkout(
    installed: None, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    git(repository, "tag", "v2.0.0")
    note(monkeypatch, url=repository.as_uri(), dir_info={})
    with locate.opened(None) as source:
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


def test_without_an_address_a_project_records_the_bundle_in_the_home(
    carried: Path, scaffold: Scaffold, workplace: Path
) -> None:
    outcome = scaffold("new", "shop", "--defaults")
    assert outcome.err.startswith(
        "warning: plain `copier update` will work only on machines where scaffold has made or "
        "updated a project; `scaffold update` will work on all\n"
    )
    answers = answers_of(workplace / "shop")
    assert answers["_src_path"] == locate.address() == KEPT
    assert answers["_commit"] == locate.ref() == "v3.0.0"
    assert locate.bundle() == locate.repository() == carried
    assert (workplace.parent / "home" / KEPT[2:]).read_bytes() == carried.read_bytes()


def test_a_dry_run_keeps_no_bundle(carried: Path, scaffold: Scaffold, workplace: Path) -> None:
    assert scaffold("new", "shop", "--defaults", "--dry-run").code == 0
    assert not (workplace.parent / "home").exists()


def test_a_home_that_cannot_be_written_is_told_and_stops_nothing(
    carried: Path, scaffold: Scaffold, workplace: Path
) -> None:
    (workplace.parent / "home").write_text("")
    outcome = scaffold("new", "shop", "--defaults")
    assert outcome.code == 0
    assert "warning: the template's history cannot be kept as ~/.local/share/" in outcome.err
    assert answers_of(workplace / "shop")["_src_path"] == KEPT


def test_another_template_keeps_no_bundle(
    carried: Path, scaffold: Scaffold, repository: Path, workplace: Path
) -> None:
    outcome = scaffold("new", "shop", "--defaults", "--template", str(repository))
    assert outcome.code == 0
    assert not (workplace.parent / "home" / KEPT[2:]).exists()


def test_a_public_address_is_preferred_to_the_bundle(
    carried: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locate, "_public_address", lambda: HOME_PAGE)
    with locate.opened(None) as source:
        assert source.origin == {"_src_path": f"git+{HOME_PAGE}", "_commit": "v3.0.0"}
        assert not source.needs_bundle


@pytest.mark.parametrize(
    ("installed_from", "recorded"),
    [
        ("ssh://git@git.example.org/acme/scaffold.git", f"git+{HOME_PAGE}"),
        ("https://git.example.org/fork/scaffold", "git+https://git.example.org/fork/scaffold"),
    ],
)
def test_an_install_from_a_fork_records_the_fork_but_not_another_way_to_the_public_home(
    carried: Path, monkeypatch: pytest.MonkeyPatch, installed_from: str, recorded: str
) -> None:
    monkeypatch.setattr(locate, "_public_address", lambda: HOME_PAGE)
    note(monkeypatch, url=installed_from, vcs_info={"vcs": "git", "commit_id": "a" * 40})
    with locate.opened(None) as source:
        assert source.origin == {"_src_path": recorded, "_commit": "v3.0.0"}


def test_a_checkout_has_its_history_itself(
    carried: Path, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    note(monkeypatch, url=repository.as_uri(), dir_info={})
    assert locate.checkout() == locate.repository() == repository
    assert (locate.bundle(), locate.ref()) == (None, None)
    assert locate.keep_bundle() == ""


def test_a_run_in_place_has_its_history_itself() -> None:
    assert locate.checkout() == locate.repository() == ROOT
    assert (locate.bundle(), locate.ref()) == (None, None)


@pytest.mark.parametrize(
    "recorded",
    [
        HOME_PAGE,
        f"{HOME_PAGE}.git",
        f"git+{HOME_PAGE}/",
        "HTTPS://user:secret@Git.Example.ORG:443/acme/scaffold",
        "git@git.example.org:acme/scaffold.git",
        "git+ssh://git@git.example.org:2222/acme/scaffold",
        "~/.local/share/scaffold/template.bundle",
        "/home/somebody/.local/share/scaffold/template.bundle",
        "C:\\Users\\Somebody\\AppData\\Local\\scaffold\\template.bundle",
    ],
)
def test_any_spelling_of_the_own_address_is_known(
    carried: Path, monkeypatch: pytest.MonkeyPatch, recorded: str
) -> None:
    monkeypatch.setattr(locate, "_public_address", lambda: HOME_PAGE)
    assert locate.is_own(recorded)


@pytest.mark.parametrize(
    "recorded",
    [
        "",
        "https://git.example.org/acme/other",
        "https://git.example.org:8443/acme/scaffold",
        "https://example.org/acme/scaffold",
        "git@git.example.org:fork/scaffold",
        "/acme/scaffold",
        "C:/acme/scaffold",
    ],
)
def test_other_addresses_are_not_taken_for_the_own(
    carried: Path, monkeypatch: pytest.MonkeyPatch, recorded: str
) -> None:
    monkeypatch.setattr(locate, "_public_address", lambda: HOME_PAGE)
    assert not locate.is_own(recorded)


def test_the_address_of_the_installation_is_the_own(
    carried: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(monkeypatch, url="https://github.com/acme/s", vcs_info={"vcs": "git", "commit_id": "abc"})
    assert locate.is_own("gh:acme/s")
    assert not locate.is_own("gl:acme/s")


def test_the_checkout_that_it_was_installed_from_is_the_own_even_when_it_is_gone(
    carried: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    note(monkeypatch, url=(tmp_path / "gone").as_uri(), dir_info={})
    assert locate.is_own(str(tmp_path / "gone"))
    assert not locate.is_own(str(tmp_path / "other"))


def test_in_place_the_own_checkout_is_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(ROOT)
    assert locate.is_own(str(ROOT))
    assert locate.is_own(f"git+{ROOT.as_uri()}")
    assert locate.is_own(str(tmp_path / "link"))
    assert not locate.is_own(str(tmp_path))
    monkeypatch.chdir(ROOT)
    assert not locate.is_own("")


def test_the_public_address_is_read_from_the_distribution(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    info = tmp_path / "backend_scaffold-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Name: backend-scaffold\nVersion: 1\nProject-URL: Template, {HOME_PAGE}\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    assert locate._public_address() == HOME_PAGE


def test_the_installers_note_is_read_from_the_distribution(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    info = tmp_path / "backend_scaffold-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Name: backend-scaffold\nVersion: 1\n")
    (info / "direct_url.json").write_text(json.dumps({"url": "file:///x", "dir_info": {}}))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert locate._direct_url() == {"url": "file:///x", "dir_info": {}}


def test_without_a_distribution_there_is_no_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "DISTRIBUTION", "no-such-distribution")
    assert locate._direct_url() == {}
    assert locate._public_address() == ""


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
    with locate.opened(f"git+{repository.as_uri()}") as source:
        assert source.origin["_src_path"] == f"git+{repository.as_uri()}"
        assert source.origin["_commit"] == git(repository, "rev-parse", "--short", "HEAD").strip()


def test_an_address_that_does_not_answer_is_told(scaffold: Scaffold, tmp_path: Path) -> None:
    address = (tmp_path / "nothing.git").as_uri()
    outcome = scaffold("new", "shop", "--defaults", "--template", address)
    assert outcome.code == 2
    error, _, hint, _ = outcome.err.split("\n")
    assert error.startswith(f"error: cannot get the template from {address}: ")
    assert "does not appear to be a git repository" in error
    assert hint.startswith("hint: check the address")


def test_a_git_address_needs_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Problem, match="git is missing"), locate.opened("https://x.org/a.git"):
        pass
