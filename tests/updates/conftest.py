"""Fixtures for the tests of updates: histories of the template, made once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tool.conftest import scaffold, signal_handlers
from tests.updates import releases
from tests.updates.projects import Releases

__all__ = ["scaffold", "signal_handlers"]


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """The made-up releases v1.0.0 to v1.3.0, without most of the code."""
    folder = tmp_path_factory.mktemp("made-up")
    return Releases(releases.made_up(folder / "template"), folder / "exports")


@pytest.fixture(scope="session")
def made_up_with_code(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """The made-up releases v1.0.0 to v1.3.0 of the whole template."""
    folder = tmp_path_factory.mktemp("made-up-with-code")
    return Releases(releases.made_up(folder / "template", with_code=True), folder / "exports")


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Releases:
    """The real releases, and the checkout as the newest."""
    folder = tmp_path_factory.mktemp("real")
    return Releases(releases.real(folder / "template"), folder / "exports")


@pytest.fixture(autouse=True)
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user without git settings of their own."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "test@example.org")
    monkeypatch.delenv("SCAFFOLD_TEMPLATE", raising=False)
    monkeypatch.delenv("SCAFFOLD_DEBUG", raising=False)
