"""The wizard on a real pseudo-terminal, in a process of its own."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tool.test_bad_input import listing
from tests.tool.test_new import answers_of


class Terminal:
    """A process on a terminal of 100 columns, and what it has shown so far."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self._master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "scaffold", *arguments],
            cwd=folder,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"},
            start_new_session=True,
        )
        os.close(slave)
        self.shown = ""

    def expect(self, text: str) -> None:
        """Wait until `text` is on the screen; forget what came before it."""
        deadline = time.monotonic() + 30
        while text not in self.shown:
            assert time.monotonic() < deadline, f"{text!r} not in {self.shown!r}"
            self._read()
        self.shown = self.shown.partition(text)[2]

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def end(self) -> int:
        while self.process.poll() is None:
            self._read()
        self._read()
        return self.process.returncode

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self._master)

    def _read(self) -> None:
        if select.select([self._master], [], [], 0.2)[0]:
            try:
                self.shown += os.read(self._master, 65536).decode(errors="replace")
            except OSError:  # the other side is closed
                time.sleep(0.05)


@pytest.fixture
def terminal(workplace: Path) -> Iterator[Terminal]:
    terminal = Terminal(workplace, "new", "shop", "--no-git")
    yield terminal
    terminal.close()


def test_a_person_makes_a_project(terminal: Terminal, workplace: Path) -> None:
    terminal.expect("What kind of service?")
    terminal.type("\x1b[B\r")
    terminal.expect("What does it do, in one sentence?")
    terminal.type("\r")
    terminal.expect("Make shop?")
    terminal.type("\r")
    assert terminal.end() == 0
    assert "scaffold new shop --preset production --no-git" in terminal.shown
    assert answers_of(workplace / "shop")["database"] == "postgresql"


@pytest.mark.parametrize(("number", "code"), [(None, 130), (signal.SIGTERM, 2)])
def test_a_person_gives_up(
    number: signal.Signals | None, code: int, terminal: Terminal, workplace: Path
) -> None:
    terminal.expect("What kind of service?")
    if number is None:
        terminal.type("\x03")
    else:
        terminal.process.send_signal(number)
    assert terminal.end() == code
    assert "error: interrupted" in terminal.shown
    assert "Traceback" not in terminal.shown
    assert listing(workplace) == []
