"""The three ways in which a check can end."""

from __future__ import annotations

from typing import Literal

Verdict = Literal["passed", "failed", "skipped"]


class Failure(Exception):
    """The service broke the rule: what was expected, what came, and the request that showed it."""

    def __init__(self, expected: str, got: str, request: str = "") -> None:
        self.expected = expected
        self.got = got
        self.request = request
        super().__init__(f"expected {expected}, got {got}" + (f"; {request}" if request else ""))


class Skip(Exception):
    """The rule cannot be tried here, or not with what the caller gave; the text says why."""
