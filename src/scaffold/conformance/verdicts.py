"""The three ways in which a check can end."""

from __future__ import annotations

from typing import Literal

Verdict = Literal["passed", "failed", "skipped"]


class Failure(Exception):
    """The service breaks the rule: what was expected, what was received, and the request."""

    def __init__(self, expected: str, got: str, request: str = "") -> None:
        self.expected = expected
        self.got = got
        self.request = request
        super().__init__(f"expected {expected}, got {got}" + (f"; {request}" if request else ""))


class Skip(Exception):
    """The rule cannot be checked on this service or with these options; the text says why."""
