"""Keeps the tests from hanging on Python 3.11 when threads end while coverage is measured."""

import sys
import threading
from types import FrameType

from greenlet import getcurrent  # type: ignore[import-untyped]  # it has no type hints

_kept: list[object] = []


def keep_greenlets() -> None:
    """Keep the main greenlet of each new thread.

    When a thread ends, the main thread deletes this greenlet in a pending call, and coverage.py is told by a weak
    reference. If another thread ends before that Python code has run, Python 3.11 traces its first line for ever.
    """
    if sys.version_info < (3, 12):
        threading.setprofile(_keep_greenlet)


def _keep_greenlet(_frame: FrameType, _event: str, _value: object) -> None:
    sys.setprofile(None)  # the first call of the thread is enough
    # With a single reference left, greenlet would search all objects of the process for it.
    _kept.extend([getcurrent()] * 2)
