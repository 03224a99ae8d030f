"""Writes messages for people to stderr and data for programs to stdout."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, TextIO

from scaffold.terminal.errors import Problem, listed

COLOUR_CHOICES = ("auto", "always", "never")

_SGR = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_settings = {"color": "auto"}


def say(text: str = "", end: str = "\n") -> None:
    """Print one message on stderr."""
    print(text, file=sys.stderr, end=end, flush=True)


def warn(text: str) -> None:
    """Print `warning: TEXT` on stderr."""
    say(f"{painted('warning', 'bold', 'yellow')}: {text}")


def tell(problem: Problem) -> None:
    """Print a problem as one `error:` line and, after a blank line, its hint."""
    say(f"{painted('error', 'bold', 'red')}: {problem.message}")
    if problem.hint:
        say(f"\n{painted('hint', 'bold', 'cyan')}: {problem.hint}")


def print_json(data: Mapping[str, Any]) -> None:
    """Print data on stdout. JSON escapes keep it valid even where a path is not UTF-8."""
    print(json.dumps(data, indent=2))


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Show one line while the block runs and erase it afterwards; only on a terminal."""
    if not (_on_terminal(sys.stderr) and can_redraw()):
        yield
        return
    write_over(text, sys.stderr)
    try:
        yield
    finally:
        write_over("", sys.stderr)


def write_over(text: str, stream: TextIO) -> None:
    """Replace the last line of a terminal; a longer text is cut, because a wrapped line stays."""
    columns = shutil.get_terminal_size().columns
    stream.write(f"\r\x1b[K{text[: columns - 1]}")
    stream.flush()


def counted(number: int, thing: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def is_terminal() -> bool:
    """Whether questions can be asked: a person types, and sees what is printed."""
    return _on_terminal(sys.stdin) and _on_terminal(sys.stderr)


def can_redraw() -> bool:
    """Whether the terminal can move its cursor; Python drives such a terminal on POSIX alone."""
    return os.environ.get("TERM", "dumb") != "dumb" and find_spec("termios") is not None


def use_colour(when: str | None) -> None:
    """Follow `--color WHEN`. Raises a `Problem` when it is not one of `COLOUR_CHOICES`."""
    if when not in COLOUR_CHOICES:
        said = f"has no choice {when!r}" if when else "requires a value"
        raise Problem(f"--color {said}", f"it can be {listed(list(COLOUR_CHOICES), 'or')}")
    _settings["color"] = when


def has_colour(stream: TextIO | None = None) -> bool:
    """Whether text on `stream` (stderr, if not given) may be coloured.

    `--color` decides, then NO_COLOR, then FORCE_COLOR, then whether the stream is a terminal.
    """
    if _settings["color"] != "auto":
        return _settings["color"] == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return _on_terminal(stream or sys.stderr) and os.environ.get("TERM") != "dumb"


def painted(text: str, *styles: str, stream: TextIO | None = None) -> str:
    """The text in these styles (`bold`, `red`, …) where `stream` has colour, else as it is."""
    if not (text and styles and has_colour(stream)):
        return text
    return f"\x1b[{';'.join(_SGR[style] for style in styles)}m{text}\x1b[0m"


def _on_terminal(stream: TextIO | None) -> bool:
    """A stream that was closed before the start (`<&-`) is None."""
    return stream is not None and stream.isatty()
