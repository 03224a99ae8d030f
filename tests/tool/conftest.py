"""Fixtures for the tests of the tool."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from scaffold.cli.app import run
from scaffold.terminal import signals
from tests.combinations import ROOT


@dataclass(frozen=True)
class Outcome:
    """What one run of the command line left behind."""

    code: int
    out: str
    err: str


Scaffold = Callable[..., Outcome]


@pytest.fixture(scope="session")
def template_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The template without its code, committed and tagged v1.0.0. Do not change it."""
    folder = tmp_path_factory.mktemp("repository") / "template"
    export_without_code(folder)
    return release(folder)


@pytest.fixture(scope="session")
def whole_template_repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the real template, committed and tagged v1.0.0. Do not change it."""
    folder = tmp_path_factory.mktemp("repository") / "whole"
    export(folder)
    return release(folder)


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, template_repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, the tagged template, and a user without git settings."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SCAFFOLD_TEMPLATE", str(template_repository))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("SCAFFOLD_DEBUG", raising=False)
    return folder


@pytest.fixture(scope="session", autouse=True)
def listening_to_signals() -> None:
    """Shells have jobs in the background ignore Ctrl-C; the tests send it themselves."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # `nohup` ignores it
        signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def signal_handlers() -> Iterator[None]:
    """The tool runs in this process, and changes how it answers signals."""
    with signals_kept():
        yield


@contextmanager
def signals_kept() -> Iterator[None]:
    """Have signals answered afterwards as they were before, and none known as received."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [(number, signal.getsignal(number)) for number in numbers]
    yield
    signals._received.clear()
    for number, handler in before:
        signal.signal(number, handler)


@pytest.fixture(scope="session")
def two_releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template with the releases v1.0.0 and v2.0.0. Do not change it."""
    from tests.tool import releases  # imported late: it imports this module

    return releases.build(tmp_path_factory.mktemp("releases") / "template")


@pytest.fixture(scope="session")
def edited(two_releases: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of the first release, with two edits. Do not change it."""
    folder = tmp_path_factory.mktemp("made") / "shop"
    git(two_releases, "checkout", "--quiet", "v1.0.0")
    with signals_kept():
        assert run(["new", str(folder), "--defaults", "--template", str(two_releases)]) == 0
    git(two_releases, "checkout", "--quiet", "main")
    (folder / "src/app/mine.py").write_text("MINE = True\n")
    with (folder / "README.md").open("a") as readme:
        readme.write("\nOur own words.\n")
    commit(folder, "Our edits")
    return folder


@pytest.fixture
def project(edited: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of that project, as the current folder."""
    folder = workplace / "shop"
    shutil.copytree(edited, folder, symlinks=True)
    monkeypatch.chdir(folder)
    git(folder, "config", "user.name", "Test")
    git(folder, "config", "user.email", "test@example.org")
    return folder


@pytest.fixture
def scaffold(capfd: pytest.CaptureFixture[str]) -> Scaffold:
    """`scaffold("new", "shop")` runs the command line in this process."""

    def run_it(*arguments: str) -> Outcome:
        capfd.readouterr()
        try:
            code = run(list(arguments))
        except SystemExit as end:  # completion ends the process itself
            code = int(end.code or 0)
        return Outcome(code, *capfd.readouterr())

    return run_it


def export(folder: Path, root: Path = ROOT) -> None:
    """Copy copier.yml and the template tree, without what tools leave in it."""
    shutil.copytree(
        root / "template",
        folder / "template",
        ignore=shutil.ignore_patterns("__pycache__", ".*_cache"),
    )
    shutil.copy(root / "copier.yml", folder)


def export_without_code(folder: Path) -> None:
    """Copy the template without most of its code: it renders in a third of the time."""
    export(folder)
    for pattern in ("tests", "migrations", "scripts", "decisions", "src/app/*/"):
        for part in list(folder.glob(f"template/**/{pattern}")):
            shutil.rmtree(part)
    for module in list(folder.glob("template/**/src/app/*.py")):
        if module.name != "main.py":
            module.unlink()
    for parent, _, _ in os.walk(folder, topdown=False):
        if not any(Path(parent).iterdir()):
            Path(parent).rmdir()  # copier would visit it


def release(folder: Path) -> Path:
    """Make the template in `folder` a repository with the release v1.0.0."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    commit(folder, "First release", tag="v1.0.0")
    return folder


def git(folder: Path, *arguments: str) -> str:
    """Run git in `folder` as a user with a name."""
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    return subprocess.run(
        ["git", *identity, *arguments], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


def commit(folder: Path, message: str, tag: str | None = None) -> None:
    """Commit everything in `folder`."""
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", message)
    if tag:
        git(folder, "tag", tag)


def tree(folder: Path) -> dict[str, tuple[bytes, int]]:
    """All files below `folder` but git's own: path → content and permission bits."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode & 0o777)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".git" not in path.relative_to(folder).parts
    }
