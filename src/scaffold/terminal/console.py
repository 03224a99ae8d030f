"""Speaks to people on stderr; stdout belongs to data."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import TextIO

from scaffold.terminal.errors import Problem


def say(text: str = "", end: str = "\n") -> None:
    """Print one message on stderr."""
    print(text, file=sys.stderr, end=end, flush=True)


def warn(text: str) -> None:
    """Print `warning: TEXT` on stderr."""
    say(f"{_painted('warning', '33')}: {text}")


def tell(problem: Problem) -> None:
    """Print a problem as one `error:` line and, after a blank line, its hint."""
    say(f"{_painted('error', '31')}: {problem.message}")
    if problem.hint:
        say(f"\n{_painted('hint', '36')}: {problem.hint}")


def counted(number: int, thing: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def is_terminal() -> bool:
    """Whether questions can be asked: a person types, and sees what is printed."""
    return _on_terminal(sys.stdin) and _on_terminal(sys.stderr)


def can_redraw() -> bool:
    """Whether the terminal can move its cursor; Python drives such a terminal on POSIX alone."""
    return os.environ.get("TERM", "dumb") != "dumb" and find_spec("termios") is not None


def has_colour() -> bool:
    """Whether what is printed may be coloured."""
    return not os.environ.get("NO_COLOR") and _on_terminal(sys.stderr)


def _painted(word: str, colour: str) -> str:
    return f"\x1b[1;{colour}m{word}\x1b[0m" if has_colour() else word


def shows_colour() -> bool:
    """Whether what goes to stdout may be coloured."""
    return _on_terminal(sys.stdout) and not os.environ.get("NO_COLOR")


def _on_terminal(stream: TextIO | None) -> bool:
    """A stream that was closed before the start (`<&-`) is None."""
    return stream is not None and stream.isatty()
