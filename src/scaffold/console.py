"""Speaks to people on stderr; stdout belongs to data."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from scaffold.problems import Problem


def say(text: str = "") -> None:
    """Print one message on stderr."""
    print(text, file=sys.stderr)


def warn(text: str) -> None:
    """Print `warning: TEXT` on stderr."""
    say(f"{_painted('warning', '33')}: {text}")


def tell(problem: Problem) -> None:
    """Print a problem as one `error:` line and, after a blank line, its hint."""
    say(f"{_painted('error', '31')}: {problem.message}")
    if problem.hint:
        say(f"\n{_painted('hint', '36')}: {problem.hint}")


def is_terminal() -> bool:
    """Whether questions can be asked: a person types, and sees what is printed."""
    return _on_terminal(sys.stdin) and _on_terminal(sys.stdout)


def _painted(word: str, colour: str) -> str:
    if os.environ.get("NO_COLOR") or not _on_terminal(sys.stderr):
        return word
    return f"\x1b[1;{colour}m{word}\x1b[0m"


def shows_colour() -> bool:
    """Whether what goes to stdout may be coloured."""
    return _on_terminal(sys.stdout) and not os.environ.get("NO_COLOR")


def _on_terminal(stream: TextIO | None) -> bool:
    """A stream that was closed before the start (`<&-`) is None."""
    return stream is not None and stream.isatty()
