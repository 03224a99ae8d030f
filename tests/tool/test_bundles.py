"""The template's history in the data folder: older is replaced, newer stays, failures are told."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from copier import Settings, run_copy

from scaffold.source import bundle as bundles
from tests.tool.conftest import commit, git

USUAL = ".local/share/scaffold/template.bundle"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A small template with the releases v1.0.0 and v2.0.0, then one more commit."""
    folder = tmp_path / "history"
    folder.mkdir()
    git(folder, "init", "--quiet", "--initial-branch=main")
    for release in ("v1.0.0", "v2.0.0", None):
        (folder / "copier.yml").write_text(f"_subdirectory: template # {release}\n")
        (folder / "template").mkdir(exist_ok=True)
        (folder / "template" / "{{_copier_conf.answers_file}}.jinja").write_text(
            "{{ _copier_answers | to_nice_yaml -}}\n"
        )
        commit(folder, f"Release {release}", release)
    return folder


@pytest.fixture
def home(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The empty home of a user who has moved no folder."""
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    folder = workplace.parent / "home"
    folder.mkdir(exist_ok=True)
    return folder


def bundled(repository: Path, ref: str = "main") -> Path:
    """A bundle as the wheel of `ref` has it: HEAD and the tags that led there."""
    file = repository.parent / f"{ref}.bundle"
    git(repository, "checkout", "--quiet", "--detach", ref)
    tags = git(repository, "tag", "--merged", "HEAD").split()
    git(repository, "bundle", "create", "--quiet", str(file), "HEAD", *tags)
    return file


def test_a_bundle_is_put_where_nothing_is(repository: Path, home: Path) -> None:
    bundle = bundled(repository)
    assert bundles.keep(bundle) == ""
    assert (home / USUAL).read_bytes() == bundle.read_bytes()
    assert [path.name for path in (home / USUAL).parent.iterdir()] == ["template.bundle"]


def test_an_older_bundle_is_replaced(repository: Path, home: Path) -> None:
    older, newer = bundled(repository, "v1.0.0"), bundled(repository, "v2.0.0")
    bundles.keep(older)
    assert bundles.keep(newer) == ""
    assert (home / USUAL).read_bytes() == newer.read_bytes()


def test_a_newer_bundle_stays(repository: Path, home: Path) -> None:
    older, newer = bundled(repository, "v1.0.0"), bundled(repository, "v2.0.0")
    bundles.keep(newer)
    assert bundles.keep(older) == ""
    assert (home / USUAL).read_bytes() == newer.read_bytes()


def test_a_bundle_with_more_releases_of_the_same_history_stays(
    repository: Path, home: Path
) -> None:
    untagged = bundled(repository, "main")
    git(repository, "tag", "v3.0.0", "main")
    tagged = bundled(repository, "v3.0.0")
    bundles.keep(tagged)
    assert bundles.keep(untagged) == ""
    assert (home / USUAL).read_bytes() == tagged.read_bytes()
    (home / USUAL).unlink()
    bundles.keep(untagged)
    bundles.keep(tagged)
    assert (home / USUAL).read_bytes() == tagged.read_bytes()


def test_another_history_stays_and_is_told(repository: Path, home: Path) -> None:
    ours = bundled(repository, "v2.0.0")
    git(repository, "checkout", "--quiet", "-b", "fork", "v1.0.0")
    (repository / "copier.yml").write_text("# ours\n")
    commit(repository, "Go another way")
    theirs = bundled(repository, "fork")
    bundles.keep(theirs)
    assert bundles.keep(ours) == (
        f"{home / USUAL} has another history, so plain `copier update` will not find this version "
        "there; `scaffold update` will"
    )
    assert (home / USUAL).read_bytes() == theirs.read_bytes()


@pytest.mark.parametrize("damage", [b"", b"no bundle\n", None])
def test_a_bundle_that_git_cannot_read_is_replaced(
    repository: Path, home: Path, damage: bytes | None
) -> None:
    bundle = bundled(repository)
    place = home / USUAL
    place.parent.mkdir(parents=True)
    place.write_bytes(bundle.read_bytes()[:-200] if damage is None else damage)
    assert bundles.keep(bundle) == ""
    assert place.read_bytes() == bundle.read_bytes()


def test_without_git_a_bundle_that_differs_stays(
    repository: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older, newer = bundled(repository, "v1.0.0"), bundled(repository, "v2.0.0")
    monkeypatch.setenv("PATH", str(home))
    assert bundles.keep(older) == ""
    assert bundles.keep(newer) == ""
    assert (home / USUAL).read_bytes() == older.read_bytes()


def test_a_home_that_cannot_be_written_is_told(repository: Path, home: Path) -> None:
    (home / ".local").write_text("a file, where root cannot make a folder either")
    assert bundles.keep(bundled(repository)) == (
        "the template's history cannot be kept as ~/.local/share/scaffold/template.bundle (Not a "
        "directory), so plain `copier update` will not find this version there; `scaffold update` "
        "will"
    )


def test_a_user_without_a_home_is_told(
    repository: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "expanduser", homeless)
    assert bundles.keep(bundled(repository)).startswith("the template's history cannot be kept as ")


def homeless(_path: Path) -> Path:
    """What pathlib does for a user whom the system does not know."""
    raise RuntimeError("Could not determine home directory.")


@pytest.mark.parametrize(
    ("platform", "variable", "value", "folder"),
    [
        ("linux", "XDG_DATA_HOME", None, "~/.local/share"),
        ("linux", "XDG_DATA_HOME", "relative", "~/.local/share"),
        ("linux", "XDG_DATA_HOME", "/srv/data", "/srv/data"),
        ("darwin", "XDG_DATA_HOME", "/srv/data", "~/Library/Application Support"),
        ("win32", "LOCALAPPDATA", None, "~/AppData/Local"),
        ("win32", "LOCALAPPDATA", "/moved", "/moved"),
    ],
)  # fmt: skip
def test_projects_record_the_usual_place_for_every_home_and_a_moved_one_as_it_is(
    home: Path, monkeypatch: pytest.MonkeyPatch,
    platform: str, variable: str, value: str | None, folder: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.delenv(variable, raising=False)
    if value:
        monkeypatch.setenv(variable, value)
    assert bundles.recorded() == f"{folder}/scaffold/template.bundle"
    assert bundles.is_recorded(bundles.recorded())


def test_a_variable_that_names_the_usual_place_changes_nothing(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(home / ".local/share"))
    assert bundles.recorded() == f"~/{USUAL}"


@pytest.mark.parametrize(
    "address",
    ["", "template.bundle", "~/my-scaffold/template.bundle", "scaffold/template.bundle/x"],
)
def test_no_other_file_is_taken_for_a_kept_bundle(address: str) -> None:
    assert not bundles.is_recorded(address)


def test_copier_reads_what_is_recorded_in_any_home(
    repository: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundles.keep(bundled(repository, "v2.0.0"))
    shutil.move(home, tmp_path / "other")
    monkeypatch.setenv("HOME", str(tmp_path / "other"))
    run_copy(bundles.recorded(), tmp_path / "made", quiet=True, settings=Settings())
    answers = (tmp_path / "made/.copier-answers.yml").read_text()
    assert answers == f"_commit: v2.0.0\n_src_path: {bundles.recorded()}\n"
