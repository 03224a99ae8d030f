"""An update that is killed, or cannot write: the state before comes back, to the byte."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.tool.conftest import Scaffold, git
from tests.updates.faults import failing_at, killed_at
from tests.updates.projects import copied, files, state
from tests.updates.small import Files, project, template

LINES = "".join(f"{number}\n" for number in range(20))
BEFORE: Files = {
    "changed.md": LINES,
    "conflict.md": LINES,
    "merged.md": LINES,
    "dropped.md": LINES,
    "kept.md": LINES,
    "folder/only.md": LINES,
    "runs.sh": LINES,
    "a/b": LINES,
}
AFTER: Files = {
    "changed.md": LINES + "new\n",
    "conflict.md": "new\n" + LINES,
    "merged.md": LINES + "new\n",
    "added.md": LINES,
    "deep/er/added.md": LINES,
    "ignored.log": LINES,
    "runs.sh!": LINES,
    "a/b/c": LINES,
}
OURS: Files = {
    "conflict.md": "ours\n" + LINES,
    "merged.md": "ours\n" + LINES,
    "kept.md": LINES + "ours\n",
    "ours.md": LINES,
    ".gitignore": "*.log\n",
}
OUTSIDE = ("mine.log", "folder/mine.log")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project before an update that does a bit of everything. Do not change it."""
    folder = tmp_path_factory.mktemp("kill")
    made = project(template(folder / "template", BEFORE, AFTER), folder / "shop", OURS)
    for path in OUTSIDE:
        (made / path).write_text("ignored by git\n")
    return made


@pytest.fixture(scope="module")
def updated(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> object:
    """What it is after the update."""
    folder = copied(shop, tmp_path_factory.mktemp("updated") / "shop")
    assert not killed_at(10_000, "update", str(folder))
    return files(folder), git(folder, "ls-files", "--stage")


def kills(shop: Path, folder: Path, *arguments: str, stride: int = 1) -> Iterator[Path]:
    """Copies of the project, each with the command killed a little later than the one before."""
    for step in count(step=stride):
        victim = copied(shop, folder / str(step))
        if not killed_at(step, *arguments, str(victim)):
            return
        yield victim


def test_abort_brings_back_every_byte_whenever_the_update_was_killed(
    scaffold: Scaffold, shop: Path, updated: object, tmp_path: Path
) -> None:
    before = state(shop)
    half_way = 0
    for victim in kills(shop, tmp_path, "update"):
        cut_off = scaffold("update", str(victim))
        if cut_off.code == 2:
            assert "the update to v2.0.0 was interrupted while it was written" in cut_off.err
            assert "`scaffold update --abort` restores the state before it" in cut_off.err
            half_way += 1
            assert scaffold("update", "--abort", str(victim)).code == 0
            assert state(victim) == before
            assert scaffold("update", str(victim)).code == 1
        # Killed before the first file was touched, it needs no taking back.
        assert (files(victim), git(victim, "ls-files", "--stage")) == updated
    assert half_way > 5


def test_git_brings_back_what_it_knows_whenever_the_update_was_killed(
    scaffold: Scaffold, shop: Path, updated: object, tmp_path: Path
) -> None:
    before = files(shop)
    for victim in kills(shop, tmp_path, "update"):
        git(victim, "reset", "--hard", "--quiet")
        git(victim, "clean", "-fd")
        (victim / "ignored.log").unlink(missing_ok=True)  # new, and ignored: git leaves it alone
        assert files(victim) == before
        assert scaffold("update", str(victim)).code == 1
        assert (files(victim), git(victim, "ls-files", "--stage")) == updated


def test_a_killed_update_does_not_stand_in_the_way_of_later_work(
    scaffold: Scaffold, shop: Path, tmp_path: Path
) -> None:
    for victim in kills(shop, tmp_path, "update", stride=6):
        git(victim, "reset", "--hard", "--quiet")
        git(victim, "clean", "-fd")
        git(victim, "commit", "--allow-empty", "-m", "Later work")
        assert scaffold("update", str(victim)).code == 1


def test_abort_can_be_killed_and_repeated(scaffold: Scaffold, shop: Path, tmp_path: Path) -> None:
    before = state(shop)
    half = copied(shop, tmp_path / "half")
    assert scaffold("update", str(half)).code == 1
    (half / "conflict.md").write_text("an hour of work\n")
    (half / "theirs.txt").write_text("written since\n")
    seen = 0
    for victim in kills(half, tmp_path, "update", "--abort"):
        again = scaffold("update", "--abort", str(victim))
        assert again.code == 0 or "nothing to abort" in again.err
        (victim / "theirs.txt").unlink()
        assert state(victim) == before
        kept = git(victim, "log", "--format=%H", "refs/scaffold/aborted").split()
        contents = [git(victim, "show", f"{commit}:conflict.md") for commit in kept]
        assert "an hour of work\n" in contents
        seen += 1
    assert seen > 5


def test_a_step_that_fails_gives_one_error_and_leaves_the_tree_untouched(
    shop: Path, tmp_path: Path
) -> None:
    before = state(shop)
    for step in count():
        victim = copied(shop, tmp_path / str(step))
        code = failing_at(step, tmp_path / "said", "update", str(victim))
        if code == 1:
            break
        said = (tmp_path / "said").read_text()
        assert code == 2, said
        assert said.endswith(
            "error: the update to v2.0.0 could not be written: no space left on device\n\n"
            "hint: everything is as it was before\n"
        )
        assert state(victim) == before
    assert step > 10


def test_killed_at_random_moments_it_is_whole_or_can_be_taken_back(
    scaffold: Scaffold, shop: Path, updated: object, tmp_path: Path
) -> None:
    """The process and its git calls, from outside, over the whole length of a run."""
    before, chance = state(shop), random.Random(3)
    start = time.perf_counter()
    _start(copied(shop, tmp_path / "measured")).wait(60)
    whole = time.perf_counter() - start
    for round_ in range(16):
        victim = copied(shop, tmp_path / str(round_))
        process = _start(victim)
        time.sleep(whole * chance.uniform(0.5, 1.05))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(60)
        for lock in (victim / ".git").glob("*.lock"):
            lock.unlink()  # as git asks for when one of its own processes was killed
        outcome = scaffold("update", "--abort", str(victim))
        assert outcome.code == 0 or "nothing to abort" in outcome.err
        assert state(victim) == before


def _start(folder: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "scaffold", "update", folder],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
