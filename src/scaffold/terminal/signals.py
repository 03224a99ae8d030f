"""Turns the signals that end a program into one exception, raised at most once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

_ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class Interrupted(BaseException):
    """The user or the system asked the process to end. Like `KeyboardInterrupt`, no `Exception`."""

    def __init__(self, signum: int = signal.SIGINT) -> None:
        super().__init__(signum)
        self.signum = signum

    @property
    def exit_code(self) -> int:
        """128 plus the number of the signal, as shells expect: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.signum


def listen() -> None:
    """Raise `Interrupted` in the main thread, once, when the process is asked to end.

    A signal that the parent chose to ignore (`nohup`, a background job) stays ignored.
    """
    _received.clear()
    for number in _ENDING:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _interrupt)


def received() -> int | None:
    """The signal that has asked the process to end since `listen`, if there was one."""
    return _received[-1] if _received else None


def hold() -> None:
    """Ignore requests to end from here on: what follows is short and must not be cut in half."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


@contextmanager
def deferred() -> Iterator[None]:
    """Put `Interrupted` off to the end of the block, which is too short to keep anybody waiting."""
    _deferred.append(None)
    try:
        yield
    finally:
        signum = _deferred.pop()
    if signum is not None:
        raise Interrupted(signum)


_deferred: list[int | None] = []
"""For the block that is running, if there is one: the signal that came meanwhile."""

_received: list[int] = []
"""The signal that was handled, if there was one: the next ones are ignored."""


def _interrupt(signum: int, _frame: FrameType | None) -> None:
    hold()  # a second signal must not interrupt the cleaning up after the first
    _received.append(signum)
    if _deferred:
        _deferred[-1] = signum
    else:
        raise Interrupted(signum)
