"""A project appears complete or not at all: errors, signals and full disks leave nothing."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from scaffold.git import commands as git
from scaffold.project import staging
from scaffold.terminal import signals
from scaffold.terminal.errors import Problem
from scaffold.terminal.signals import Interrupted, listen
from tests.tool.conftest import Scaffold
from tests.tool.test_bad_input import listing

COMMAND = [sys.executable, "-m", "scaffold", "new", "services/shop", "--defaults"]


def test_a_full_disk_leaves_nothing(
    scaffold: Scaffold, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.write_bytes
    written: list[Path] = []

    def write(self: Path, data: bytes) -> int:
        if len(written) == 20:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written.append(self)
        return real(self, data)

    monkeypatch.setattr(Path, "write_bytes", write)
    outcome = scaffold("new", "services/shop", "--defaults")

    assert outcome.err == (
        f"error: cannot write {workplace}/services/shop: no space left on device\n\n"
        "hint: choose a folder that you can write to and that has space; "
        "nothing was left behind\n"
    )
    assert outcome.code == 2
    assert len(written) == 20
    assert listing(workplace) == []


def test_a_limit_of_the_system_is_told_and_leaves_nothing(workplace: Path) -> None:
    """The kernel itself refuses to write: files may have 2,000 bytes at most."""
    result = subprocess.run(
        COMMAND,
        cwd=workplace,
        check=False,
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000)),
    )
    assert f"error: cannot write {workplace}/services/shop: file too large\n\nhint: " in (
        result.stderr
    )
    assert result.returncode == 2
    assert listing(workplace) == []


def test_an_unwritable_parent_is_told_and_leaves_nothing(
    scaffold: Scaffold, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    outcome = scaffold("new", "shop", "--defaults")
    assert outcome.err.startswith(
        f"error: cannot write {workplace}/shop: permission denied\n\nhint"
    )
    assert (outcome.code, listing(workplace)) == (2, [])


def test_a_git_that_is_just_being_started_ends_with_scaffold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = []

    class Slow(subprocess.Popen[bytes]):
        def __init__(self, _command: list[str], **options: Any) -> None:
            super().__init__(["sleep", "60"], **options)
            started.append(self)
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)  # here the signal is handled

    monkeypatch.setattr(subprocess, "Popen", Slow)
    handlers = {number: signal.getsignal(number) for number in signals._ENDING}
    signals.listen()
    try:
        with pytest.raises(signals.Interrupted):
            git.ask(tmp_path, "status")
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert [process.returncode for process in started] == [-signal.SIGKILL]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_at_any_moment_leaves_nothing_or_all(
    number: signal.Signals, code: int, workplace: Path
) -> None:
    """Interrupted at eight random moments of its life, before the end of a normal run."""
    whole = _seconds_of_a_run(workplace / "measured")
    chance = random.Random(number)
    codes = set()
    for round_ in range(8):
        folder = workplace / str(round_)
        folder.mkdir()
        with subprocess.Popen(
            COMMAND, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        ) as process:
            time.sleep(whole * chance.uniform(0.3, 0.95))
            process.send_signal(number)
            said = process.communicate(timeout=30)[1]
        codes.add(process.returncode)
        if process.returncode == 0:
            assert (folder / "services/shop/.git/refs/heads/main").exists()
        else:
            assert listing(folder) == [], said
            assert "Traceback" not in said
        if process.returncode == code:
            assert said.endswith(
                "error: interrupted\n\nhint: nothing was written; run the command again\n"
            )
    # Before Python has set up anything, a signal ends it in its own way.
    assert codes <= {0, code, -number}
    assert code in codes


def _seconds_of_a_run(folder: Path) -> float:
    folder.mkdir()
    start = time.perf_counter()
    subprocess.run(COMMAND, cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_while_writing_leaves_nothing(
    number: signal.Signals,
    code: int,
    scaffold: Scaffold,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object) -> None:
        assert listing(workplace)  # half way
        os.kill(os.getpid(), number)

    monkeypatch.setattr("scaffold.git.commands.first_commit", interrupted)
    outcome = scaffold("new", "services/shop", "--defaults")
    assert outcome.code == code
    assert outcome.err == "error: interrupted\n\nhint: nothing was written; run the command again\n"
    assert listing(workplace) == []


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOTEMPTY, "Directory not empty"), RuntimeError("Error calling ...")]
)
def test_an_error_that_follows_from_a_signal_is_told_as_an_interruption(
    error: Exception, scaffold: Scaffold, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        try:
            os.kill(os.getpid(), signal.SIGINT)
        except Interrupted:
            raise error from None

    monkeypatch.setattr("scaffold.git.commands.first_commit", interrupted)
    outcome = scaffold("new", "services/shop", "--defaults")
    assert outcome.code == 130
    assert outcome.err == "error: interrupted\n\nhint: nothing was written; run the command again\n"
    assert listing(workplace) == []


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        ("KeyboardInterrupt", 130),
        ("RuntimeError('wrapped') from KeyboardInterrupt()", 130),
        ("RuntimeError('a fault')", 1),
    ],
)
def test_an_interrupt_while_scaffold_is_imported_is_told_in_one_line(
    raised: str, code: int, tmp_path: Path
) -> None:
    starts = f"""
import sys
class Finder:
    def find_spec(self, name, *_):
        if name == "scaffold.cli.app":
            raise {raised}
sys.meta_path.insert(0, Finder())
from scaffold.__main__ import main
main()
"""
    result = subprocess.run(
        [sys.executable, "-c", starts], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == code
    assert result.stderr.startswith("error: interrupted\n\nhint: ") == (code == 130)


def test_an_existing_empty_folder_stays_empty_when_something_fails(
    scaffold: Scaffold, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workplace / "shop").mkdir()
    monkeypatch.setattr("scaffold.git.commands.first_commit", _fail)
    assert scaffold("new", "shop", "--defaults").code == 2
    assert listing(workplace) == ["shop"]


def _fail(*_: object) -> None:
    raise Problem("no")


def test_what_appears_meanwhile_in_the_destination_is_not_touched(workplace: Path) -> None:
    shop = workplace / "shop"

    def stage() -> None:
        with staging.staged(shop) as staged:
            (staged / "README.md").write_text("ours")
            shop.mkdir()
            (shop / "notes.txt").write_text("theirs")

    with pytest.raises(Problem, match="cannot write"):
        stage()
    assert listing(workplace) == ["shop", "shop/notes.txt"]


def test_moving_into_an_existing_folder_is_undone_when_it_fails_half_way(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop, real = workplace / "shop", Path.rename
    shop.mkdir()
    renamed: list[str] = []

    def rename(self: Path, target: Path) -> Path:
        if len(renamed) == 2:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        renamed.append(self.name)
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)

    def stage() -> None:
        with staging.staged(shop) as staged:
            for name in ("a", "b", "c"):
                (staged / name).mkdir()
                (staged / f"{name}.txt").write_text(name)

    with pytest.raises(Problem, match="cannot write"):
        stage()
    assert listing(workplace) == ["shop"]


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    listen()
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_second_signal_does_not_interrupt_the_first() -> None:
    listen()
    with pytest.raises(Interrupted):
        os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGTERM)
