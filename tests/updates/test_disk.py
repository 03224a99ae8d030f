"""A full disk, and folders that may not be written: one error, and the tree as it was."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tool.conftest import Scaffold
from tests.updates.projects import copied, state
from tests.updates.small import project, template

BEFORE = {f"{number}.md": f"{number}\n" * 2_000 for number in range(8)}
AFTER = {path: text + "more\n" * 2_000 for path, text in BEFORE.items()} | {"new/a.md": "new\n"}
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount and forbid")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project before an update that needs some room. Do not change it."""
    folder = tmp_path_factory.mktemp("disk")
    return project(template(folder / "template", BEFORE, AFTER), folder / "shop")


def update(folder: Path, *, largest: int | None = None) -> subprocess.CompletedProcess[str]:
    """`scaffold update` as a process that may write files of up to `largest` bytes."""

    def limit() -> None:
        if largest:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    return subprocess.run(
        [sys.executable, "-m", "scaffold", "update", folder],
        check=False, capture_output=True, text=True, preexec_fn=limit,
    )  # fmt: skip


def check_refused(result: subprocess.CompletedProcess[str]) -> None:
    """One error and one hint, nothing else."""
    assert result.returncode == 2, result.stderr
    assert result.stderr.startswith("error: the update to v2.0.0 could not be written: ")
    assert result.stderr.endswith("\n\nhint: everything is as it was before\n")
    assert len(result.stderr.splitlines()) == 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 600 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", disk], check=True)
    yield disk
    subprocess.run(["umount", disk], check=True)


@as_root
def test_a_full_disk_leaves_the_project_as_it_was(shop: Path, small_disk: Path) -> None:
    """However much room is left: the update fails at another point, up to where it fits."""
    victim = copied(shop, small_disk / "shop")
    before = state(victim)
    outcomes = []
    for room in range(0, 200_000, 16_384):
        free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
        (small_disk / "ballast").write_bytes(b"x" * (free - room))
        result = update(victim)
        (small_disk / "ballast").write_bytes(b"")
        outcomes.append(result.returncode)
        if result.returncode == 0:
            break
        check_refused(result)
        assert state(victim) == before
    assert len(outcomes) > 3
    assert outcomes[-1] == 0


def test_a_limit_of_the_system_leaves_the_project_as_it_was(shop: Path, tmp_path: Path) -> None:
    victim = copied(shop, tmp_path / "shop")
    before = state(victim)
    result = update(victim, largest=9_000)
    assert result.returncode == 2
    assert result.stderr == (
        "error: git failed: it gave no reason\n\nhint: it was `git checkout`\n"
    )
    assert state(victim) == before


@as_root
@pytest.mark.parametrize("path", ["3.md", "."])
def test_what_may_not_be_written_leaves_the_project_as_it_was(
    scaffold: Scaffold, shop: Path, tmp_path: Path, path: str
) -> None:
    victim = copied(shop, tmp_path / "shop")
    before = state(victim)
    # Git compares times, not contents: it would write this unchanged file again.
    os.utime(victim / "3.md", (0, 0))
    forbid = subprocess.run(["chattr", "+i", victim / path], check=False, capture_output=True)
    if forbid.returncode:
        pytest.skip("this file system cannot forbid root to write")
    try:
        check_refused(update(victim))
        assert state(victim) == before
    finally:
        subprocess.run(["chattr", "-i", victim / path], check=True)
    assert scaffold("update", str(victim)).code == 0
