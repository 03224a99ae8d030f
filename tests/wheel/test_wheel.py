"""The wheel and the sdist carry the committed template and its history, and need nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from tests.combinations import ROOT
from tests.tool.conftest import commit, git, tree

TREE = "scaffold/_template/"
BUNDLE = "scaffold/_history/template.bundle"
REF = "scaffold/_history/REF"
KEPT = "~/.local/share/scaffold/template.bundle"


@dataclass(frozen=True)
class Built:
    """A repository like this one with the release v0.9.0, and what was built from it.

    Beside it, it has an uncommitted file, an uncommitted change and tags that are not its releases.
    """

    repository: Path
    sdist: Path
    wheel: Path
    said: str


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    repository = copied(folder / "repository")
    program = repository / "template/{{use.fastapi}}/{{use.always}}/run.sh"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    commit(repository, "Third", tag="v0.9.0")
    git(repository, "tag", "nightly")
    git(repository, "checkout", "--quiet", "--detach")
    git(repository, "commit", "--quiet", "--allow-empty", "--message", "Later")
    git(repository, "tag", "v8.0.0")
    git(repository, "checkout", "--quiet", "main")
    with (repository / "copier.yml").open("a") as questions:
        questions.write("\n# not committed\n")
    (repository / "template" / "uncommitted.txt").write_text("x")

    said = build(repository, folder / "dist")
    assert said.returncode == 0, said.stdout + said.stderr
    wheel, sdist = (next((folder / "dist").glob(name)) for name in ("*.whl", "*.tar.gz"))
    return Built(repository, sdist, wheel, said.stdout + said.stderr)


@dataclass(frozen=True)
class Machine:
    """A computer with the wheel in an environment of its own, an empty home and no network."""

    programs: Path
    home: Path

    def run(
        self, *command: str | Path, cwd: Path, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its programs; only what `variables` says is in the environment."""
        usual = {"HOME": str(self.home), "PATH": f"{self.programs}:{os.environ['PATH']}"}
        return subprocess.run(
            [*offline(), *command],
            cwd=cwd, env={**usual, **variables}, capture_output=True, text=True, check=False,
        )  # fmt: skip


@pytest.fixture(scope="module")
def machine(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """The wheel installed by pip; the packages that it needs are those of this environment."""
    folder = tmp_path_factory.mktemp("machine")
    subprocess.run([sys.executable, "-m", "venv", folder / "e"], check=True, capture_output=True)
    there = Machine(folder / "e/bin", folder / "home")
    there.home.mkdir()
    site = next((folder / "e/lib").glob("python*/site-packages"))
    (site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    done = there.run("pip", "install", "--no-index", built.wheel, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert list((site / TREE).rglob("*.pyc")), "pip byte-compiles the template, too"
    return there


def test_the_wheel_has_the_template_as_it_was_committed(built: Built) -> None:
    parts = ("copier.yml", "CHANGELOG.md", "migrations", "template")
    listed = git(built.repository, "ls-tree", "-r", "-z", "HEAD", *parts).split("\0")
    committed = {
        entry.partition("\t")[2]: 0o755 if entry.startswith("100755") else 0o644
        for entry in listed
        if entry
    }
    with zipfile.ZipFile(built.wheel) as archive:
        carried = {
            entry.filename.removeprefix(TREE): entry.external_attr >> 16 & 0o777
            for entry in archive.infolist()
            if entry.filename.startswith(TREE)
        }
        questions = archive.read(TREE + "copier.yml").decode()
    assert carried == committed
    assert 0o755 in committed.values()
    assert "not committed" not in questions


def test_a_build_tells_of_changes_that_it_leaves_out(built: Built) -> None:
    assert "warning: there are uncommitted changes; the template is that of the last" in built.said


def test_the_bundle_has_the_history_and_the_releases_that_led_here(
    built: Built, tmp_path: Path
) -> None:
    head = git(built.repository, "rev-parse", "HEAD").strip()
    with zipfile.ZipFile(built.wheel) as archive:
        bundle = archive.extract(BUNDLE, tmp_path)
        ref = archive.read(REF).decode()
    refs = git(tmp_path, "bundle", "list-heads", bundle).splitlines()
    assert refs == [f"{head} HEAD", f"{head} refs/tags/v0.9.0"]
    assert ref == "v0.9.0\n"
    git(tmp_path, "clone", "--quiet", bundle, "clone")
    assert git(tmp_path / "clone", "log", "--format=%s") == "Third\nSecond\nFirst\n"


def test_without_a_release_the_commit_names_the_version(tmp_path: Path) -> None:
    repository = copied(tmp_path / "repository")
    assert build(repository, tmp_path, "--target", "wheel").returncode == 0
    with zipfile.ZipFile(next(tmp_path.glob("*.whl"))) as archive:
        assert archive.read(REF).decode() == git(repository, "rev-parse", "--short", "HEAD")


def test_a_wheel_from_the_sdist_is_the_wheel_from_the_checkout(
    built: Built, tmp_path: Path
) -> None:
    shutil.unpack_archive(built.sdist, tmp_path)
    unpacked = next(tmp_path.glob("backend_scaffold-*"))
    assert not (unpacked / "copier.yml").exists()
    said = build(unpacked, tmp_path, "--target", "wheel")
    assert said.returncode == 0, said.stdout + said.stderr
    assert next(tmp_path.glob("*.whl")).read_bytes() == built.wheel.read_bytes()


def test_a_shallow_clone_is_refused_in_one_line(built: Built, tmp_path: Path) -> None:
    address = built.repository.as_uri()
    git(tmp_path, "clone", "--quiet", "--depth=1", "--branch=main", address, "shallow")
    said = build(tmp_path / "shallow", tmp_path, "--target", "wheel")
    assert said.returncode == 1
    told = "error: this clone is shallow: `git fetch --unshallow` gets the rest"
    assert told in said.stdout + said.stderr
    assert "Traceback" not in said.stderr


def test_a_folder_without_history_is_refused_in_one_line(tmp_path: Path) -> None:
    copied(tmp_path / "folder")
    shutil.rmtree(tmp_path / "folder/.git")
    said = build(tmp_path / "folder", tmp_path, "--target", "wheel")
    assert said.returncode == 1
    told = "error: there is no git repository here: build from a clone or an sdist"
    assert told in said.stdout + said.stderr
    assert "Traceback" not in said.stderr


def test_an_installed_tool_needs_neither_git_nor_a_network(
    machine: Machine, built: Built, tmp_path: Path
) -> None:
    made = machine.run(
        "scaffold",
        "new",
        "shop",
        "--defaults",
        "--no-git",
        cwd=tmp_path,
        PATH=str(machine.programs),
    )
    assert made.returncode == 0, made.stderr
    assert answers(tmp_path / "shop")["_src_path"] == KEPT
    assert answers(tmp_path / "shop")["_commit"] == "v0.9.0"
    with zipfile.ZipFile(built.wheel) as archive:
        kept = (machine.home / KEPT.removeprefix("~/")).read_bytes()
        assert kept == archive.read(BUNDLE)

    git(tmp_path, "clone", "--quiet", "--branch=v0.9.0", str(built.repository), "source")
    from_source = machine.run(
        "python", "-m", "copier", "copy", "--defaults", "--data=name=shop", "source", "theirs",
        cwd=tmp_path,
    )  # fmt: skip
    assert from_source.returncode == 0, from_source.stderr
    ours, theirs = tree(tmp_path / "shop"), tree(tmp_path / "theirs")
    for files in (ours, theirs):
        files.pop(".copier-answers.yml")  # they have it from different places
    assert ours == theirs


def test_plain_copier_updates_a_project_from_the_bundle_in_the_home(
    machine: Machine, tmp_path: Path
) -> None:
    made = machine.run("scaffold", "new", "shop", "--defaults", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert made.stderr.startswith("warning: plain `copier update` will work only on machines where")
    before = tree(tmp_path / "shop")
    updated = machine.run("python", "-m", "copier", "update", "--defaults", cwd=tmp_path / "shop")
    assert updated.returncode == 0, updated.stderr
    assert tree(tmp_path / "shop") == before


def test_a_later_wheel_brings_a_project_forward_without_a_network(
    machine: Machine, built: Built, tmp_path: Path
) -> None:
    """The whole life of a project, beside plain copier with the template's repository."""
    assert machine.run("scaffold", "new", "shop", "--defaults", cwd=tmp_path).returncode == 0
    source = tmp_path / "source"
    git(tmp_path, "clone", "--quiet", "--branch=v0.9.0", str(built.repository), str(source))
    git(source, "tag", "--delete", "v8.0.0")  # else copier takes it for the newest release
    (source / "template/{{use.fastapi}}/{{use.always}}/run.sh").write_text("#!/bin/sh\ntrue\n")
    commit(source, "Fourth", tag="v0.10.0")
    assert build(source, tmp_path / "later", "--target", "wheel").returncode == 0
    site, wheel = tmp_path / "site", next((tmp_path / "later").glob("*.whl"))
    options = ("--no-index", "--no-deps", "--target", site)
    assert machine.run("pip", "install", *options, wheel, cwd=tmp_path).returncode == 0
    project, theirs = tmp_path / "shop", tmp_path / "theirs/shop"
    shutil.copytree(project, theirs)
    first = tree(project)

    def later(*words: str) -> subprocess.CompletedProcess[str]:
        command = ("python", "-m", "scaffold", *words)
        return machine.run(*command, cwd=project, PYTHONPATH=str(site))

    assert later("update", "--check").returncode == 3
    assert "+true" in later("diff").stdout
    assert later("update").returncode == 0
    assert later("update", "--abort").returncode == 0
    assert tree(project) == first
    assert later("update").returncode == 0
    commit(project, "Update")
    assert later("update", "--check").returncode == 0
    assert later("change", "queue=none").returncode == 0
    commit(project, "Change")

    remembered = theirs / ".copier-answers.yml"
    remembered.write_text(remembered.read_text().replace(KEPT, str(source)))
    commit(theirs, "Take updates from the repository")
    plain = machine.run(
        "python", "-m", "copier", "update", "--defaults", "--data=queue=none", cwd=theirs
    )
    assert plain.returncode == 0, plain.stderr
    assert later("new", "../fresh/shop", "--set=queue=none").returncode == 0
    trees = [tree(each) for each in (project, theirs, tmp_path / "fresh/shop")]
    remembered_by_each = [files.pop(".copier-answers.yml") for files in trees]
    assert trees[0] == trees[1] == trees[2]
    assert remembered_by_each[0] == remembered_by_each[2]
    assert answers(project)["_commit"] == answers(theirs)["_commit"] == "v0.10.0"

    again = machine.run("python", "-m", "copier", "update", "--defaults", cwd=project)
    assert again.returncode == 0, "plain copier finds the later release in the home"
    assert git(project, "status", "--porcelain") == ""


def test_a_template_with_a_public_home_is_recorded_by_its_address(
    built: Built, tmp_path: Path
) -> None:
    address = "https://git.example.org/acme/scaffold"
    repository = tmp_path / "public"
    git(tmp_path, "clone", "--quiet", "--branch=main", str(built.repository), str(repository))
    manifest = repository / "pyproject.toml"
    links = f'[project.urls]\nTemplate = "{address}"\n\n[project.scripts]'
    manifest.write_text(manifest.read_text().replace("[project.scripts]", links))
    commit(repository, "Tell where the template lives", tag="v1.0.0")
    assert build(repository, tmp_path, "--target", "wheel").returncode == 0
    site = tmp_path / "site"
    shutil.unpack_archive(next(tmp_path.glob("*.whl")), site, "zip")

    home = tmp_path / "home"
    there = Machine(Path(sys.executable).parent, home)
    made = there.run(
        sys.executable, "-m", "scaffold", "new", "shop", "--defaults", cwd=tmp_path,
        PYTHONPATH=str(site),
    )  # fmt: skip
    assert made.returncode == 0, made.stderr
    assert "warning" not in made.stderr
    assert answers(tmp_path / "shop")["_src_path"] == f"git+{address}"
    assert answers(tmp_path / "shop")["_commit"] == "v1.0.0"
    assert not (home / ".local").exists()


def copied(folder: Path) -> Path:
    """A repository of two commits with all files of this one, as they are now."""
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    for name in filter(None, listed):
        if name.startswith("tests/") or not (ROOT / name).exists():
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "First")
    commit(folder, "Second")
    return folder


def build(repository: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Build what `options` say, else all there is, into `folder`."""
    return subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", folder, *options],
        cwd=repository, capture_output=True, text=True, check=False,
    )  # fmt: skip


def offline() -> Sequence[str]:
    """What to put before a command so that it has no network at all, where the machine allows it.

    Elsewhere nothing stops it; `--no-index` still keeps pip from asking.
    """
    unshare = shutil.which("unshare")
    if unshare is None:
        return ()
    without = (unshare, "--map-root-user", "--net")
    allowed = subprocess.run([*without, "true"], capture_output=True, check=False).returncode == 0
    return without if allowed else ()


def answers(project: Path) -> Mapping[str, str]:
    """What the project remembers."""
    remembered: Mapping[str, str] = yaml.safe_load((project / ".copier-answers.yml").read_text())
    return remembered
