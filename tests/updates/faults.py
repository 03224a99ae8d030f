"""Breaks an update at a chosen step: before one of its git calls or one of its file operations."""

from __future__ import annotations

import errno
import functools
import multiprocessing
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scaffold.cli.app import run
from scaffold.git import commands as git
from scaffold.git.journal import Transaction

KILLED = 9
_IN_PATH = ("open", "write_bytes", "replace", "unlink", "rmdir", "mkdir", "chmod", "symlink_to")


def killed_at(step: int, *arguments: str) -> bool:
    """Run the command in a process that ends without a word before the step of that number.

    Counted from the moment when writing begins. Gives False when it had ended by then.
    """
    process = multiprocessing.get_context("fork").Process(target=_run, args=(step, _end, arguments))
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode == KILLED


def failing_at(step: int, file: Path, *arguments: str) -> int:
    """Run the command where that step fails, and say so in `file`; gives the exit code."""
    process = multiprocessing.get_context("fork").Process(
        target=_run, args=(step, functools.partial(_fail, []), arguments, file)
    )
    process.start()
    process.join(60)
    assert process.exitcode is not None
    return process.exitcode


def _run(
    step: int, fault: Callable[[], None], arguments: tuple[str, ...], output: Path | None = None
) -> None:
    with (output or Path(os.devnull)).open("w") as said:
        sys.stdout = sys.stderr = said
        _Steps(step, fault).count()
        code = run(list(arguments))
    os._exit(code)


def _end() -> None:
    os._exit(KILLED)


def _fail(failed: list[None]) -> None:
    """Fail once: what takes back the rest must be able to."""
    if not failed:
        failed.append(None)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class _Steps:
    def __init__(self, last: int, fault: Callable[[], None]) -> None:
        self._left = last
        self._fault = fault
        self._counting = False

    def count(self) -> None:
        """Put a counter before everything that changes the disk."""
        for begin in ("apply", "abort"):
            setattr(Transaction, begin, self._beginning(getattr(Transaction, begin)))
        git._git = self._counted(git._git)
        for name in ("copyfile", "rmtree"):
            setattr(shutil, name, self._counted(getattr(shutil, name)))
        for name in _IN_PATH:
            setattr(Path, name, self._counted(getattr(Path, name)))

    def _beginning(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def begin(*arguments: Any, **named: Any) -> Any:
            self._counting = True
            try:
                return function(*arguments, **named)
            finally:
                self._counting = False

        return begin

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def counted(*arguments: Any, **named: Any) -> Any:
            if self._counting:
                if self._left <= 0:
                    self._fault()
                self._left -= 1
            return function(*arguments, **named)

        return counted
