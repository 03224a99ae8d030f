"""Asks on a screen that redraws: the question in hand below the ones that are settled.

Written with terminal codes that every terminal of the last decades knows, because importing a
library for it takes longer than the whole wizard.
"""

from __future__ import annotations

import codecs
import os
import re
import select
import signal
import sys
import termios
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from textwrap import wrap
from types import TracebackType
from typing import Any, Final, Protocol, Self, TextIO

from scaffold.interview.prompts import BACK, Prompt
from scaffold.terminal import console
from scaffold.terminal.signals import Interrupted

_OPEN: Final = object()

Row = list[tuple[str, str]]
"""One line of the screen as (text, style) parts."""

_STYLES: Final = {
    "": "",
    "strong": "1",
    "faint": "2",
    "chosen": "1;36",
    "wrong": "31",
    "note": "33",
}
_LEAVING: Final = "Shift-Tab goes back, Ctrl-C leaves"
_KEY: Final = re.compile(r"\x1b[\[O][0-9;]*[ -/]*[@-~]|.", re.DOTALL)
_BEGINNING_OF_KEY: Final = re.compile(r"\x1b([\[O][0-9;]*)?")
_SEQUENCES: Final = {
    "up": ("\x1b[A", "\x1bOA", "\x10"),
    "down": ("\x1b[B", "\x1bOB", "\x0e"),
    "right": ("\x1b[C", "\x1bOC", "\x06"),
    "left": ("\x1b[D", "\x1bOD", "\x02"),
    "home": ("\x1b[H", "\x1bOH", "\x1b[1~", "\x01"),
    "end": ("\x1b[F", "\x1bOF", "\x1b[4~", "\x05"),
    "enter": ("\r", "\n"),
    "back": ("\x1b[Z",),
    "erase": ("\x7f", "\x08"),
    "erase word": ("\x17",),
    "erase to the end": ("\x0b",),
    "delete": ("\x1b[3~",),
    "clear": ("\x15",),
    "leave": ("\x03", "\x04"),
}
_KEYS: Final = {sequence: name for name, all_of in _SEQUENCES.items() for sequence in all_of}


class Screen:
    """A terminal that can move its cursor; it reads keys from one file and draws on another."""

    def __init__(self, keyboard: TextIO = sys.stdin, paper: TextIO = sys.stderr) -> None:
        self._keyboard = keyboard.fileno()
        self._paper = paper
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._typed = ""
        self._row = 0  # of the cursor, counted from the first line drawn
        self._settled: tuple[tuple[str, str], ...] = ()

    def __enter__(self) -> Self:
        """Let keys arrive one by one, unseen."""
        self._before = termios.tcgetattr(self._keyboard)
        raw = termios.tcgetattr(self._keyboard)
        raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
        raw[6][termios.VSUSP] = b"\0"  # a stopped wizard would leave the shell without an echo
        termios.tcsetattr(self._keyboard, termios.TCSADRAIN, raw)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave what is settled on the screen, and the terminal as it was."""
        with suppress(OSError, termios.error):  # the terminal may be gone
            blank: list[Row] = [[], []] if self._settled else [[]]
            self._draw([*_settled(self._settled), *blank])
            self._write("\x1b[?25h")
        with suppress(OSError, termios.error):
            termios.tcsetattr(self._keyboard, termios.TCSADRAIN, self._before)

    def ask(self, prompt: Prompt, meanwhile: Callable[[], object]) -> Any:
        """Ask until a key settles it."""
        self._settled = prompt.settled
        return self._run(_Menu(prompt) if prompt.choices else _Line(prompt), meanwhile)

    def show(self, title: str, lines: Callable[[int], list[str]]) -> None:
        """Show one page; any key that leaves a question leaves it."""
        self._run(_Page(title, lines), lambda: None)

    def _run(self, view: _View, meanwhile: Callable[[], object]) -> Any:
        drawn = self._show(view)
        meanwhile()
        while True:
            key = self._key()
            if key == "leave":
                raise Interrupted(signal.SIGINT)
            outcome = view.press(key) if key else _OPEN
            if outcome is not _OPEN:
                return outcome
            if not key and drawn != self._size():
                self._write("\x1b[H\x1b[2J")  # where the lines went is up to the terminal
                self._row = 0
            if key or drawn != self._size():
                drawn = self._show(view)

    def _show(self, view: _View) -> os.terminal_size:
        size = self._size()
        rows, cursor = view.rows(size)
        room = size.lines - 1 - len(rows)  # and a line between
        above = _settled(() if view.tells_all else self._settled)
        above = [*above[-room:], []] if above and room > 0 else []
        self._draw([*above, *rows])
        if cursor:
            row, column = cursor
            up = len(rows) - 1 - row
            self._row -= up
            self._write(f"\x1b[{up}A\r\x1b[{column}C\x1b[?25h")
        return size

    def _draw(self, rows: list[Row]) -> None:
        """Put `rows` in the place of what was drawn before."""
        width = self._size().columns
        home = f"\r\x1b[{self._row}A" if self._row else "\r"
        self._write(f"\x1b[?25l{home}\x1b[J" + "\n".join(_painted(row, width) for row in rows))
        self._row = len(rows) - 1

    def _write(self, text: str) -> None:
        self._paper.write(text)
        self._paper.flush()

    def _size(self) -> os.terminal_size:
        size = os.get_terminal_size(self._paper.fileno())
        # Some terminals know no size and say 0. The last line and column make some of them scroll.
        return os.terminal_size(((size.columns or 80) - 1, (size.lines or 24) - 1))

    def _key(self) -> str:
        """The next key: a character or the name of a key; nothing when a while has passed."""
        if not self._typed and not self._read(seconds=0.25):
            return ""
        while _BEGINNING_OF_KEY.fullmatch(self._typed) and self._read(seconds=0.05):
            pass  # the rest of the key is on its way
        found = _KEY.match(self._typed)
        key = found.group() if found else ""
        self._typed = self._typed[len(key) :]
        return _KEYS.get(key, key)

    def _read(self, seconds: float) -> bool:
        """Whether something was typed in that time."""
        if not select.select([self._keyboard], [], [], seconds)[0]:
            return False
        try:
            typed = os.read(self._keyboard, 4096)
        except OSError:  # the terminal is gone
            typed = b""
        if not typed:
            raise Interrupted(signal.SIGINT)
        self._typed += self._decoder.decode(typed)
        return True


class _View(Protocol):
    """What is on the screen below the settled lines; `tells_all` hides those."""

    tells_all: bool

    def rows(self, size: os.terminal_size) -> tuple[list[Row], tuple[int, int] | None]:
        """What fits into `size`, and the row and column of the cursor, if it is to be seen.

        Rows may be wider: they are shortened when they are drawn.
        """

    def press(self, key: str) -> Any:
        """The answer, or _OPEN."""


class _Menu:
    """Choices, one of them highlighted."""

    def __init__(self, prompt: Prompt) -> None:
        self.tells_all = prompt.tells_all
        self._prompt = prompt
        self._free = [index for index, one in enumerate(prompt.choices) if not one.refusal]
        preferred = [i for i in self._free if prompt.choices[i].value == prompt.default]
        self._index = (preferred or self._free or [0])[0]

    def rows(self, size: os.terminal_size) -> tuple[list[Row], tuple[int, int] | None]:
        head = _head(self._prompt)
        seen = _window(self._index, len(self._prompt.choices), size.lines - len(head) - 2)
        part = f"{self._index + 1} of {len(self._prompt.choices)}, "
        hidden = len(seen) < len(self._prompt.choices)
        hint = f"{part if hidden else ''}arrows move, Enter takes, {_LEAVING}"
        return [*head, *(self._choice(index) for index in seen), [], [(hint, "faint")]], None

    def press(self, key: str) -> Any:
        if key == "back":
            return BACK
        if key == "enter" and self._index in self._free:
            return self._prompt.choices[self._index].value
        self._index = self._moved(key)
        return _OPEN

    def _moved(self, key: str) -> int:
        """Down and up, around the ends; a letter leads to the next choice that begins with it."""
        later = [index for index in self._free if index > self._index]
        earlier = [index for index in self._free if index < self._index]
        around = [*later, *earlier]
        if key in ("home", "end"):
            around = self._free if key == "home" else self._free[::-1]
        elif key == "up":
            around.reverse()
        elif key != "down":
            labels = self._prompt.choices
            around = [i for i in around if labels[i].label.casefold().startswith(key.casefold())]
        return around[0] if around else self._index

    def _choice(self, index: int) -> Row:
        choice = self._prompt.choices[index]
        wide = min(24, max(_width(choice.label) for choice in self._prompt.choices))
        label = choice.label + " " * (wide - _width(choice.label))
        if index == self._index and not choice.refusal:
            return [(f"{_pointer()} {label}", "chosen"), (f"  {choice.explanation}", "")]
        mark, style = ("-", "faint") if choice.refusal else (" ", "")
        return [(f"{mark} {label}", style), (f"  {choice.explanation}", "faint")]


class _Line:
    """A text to type, with the usual keys for editing."""

    tells_all = False

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._text = "" if prompt.default is None else str(prompt.default)
        self._at = len(self._text)
        self._complaint = ""

    def rows(self, size: os.terminal_size) -> tuple[list[Row], tuple[int, int] | None]:
        head = _head(self._prompt)
        first = 0  # of the characters that are seen: those around the cursor must fit
        while _width(self._text[first : self._at]) > size.columns - 4:
            first += 1
        seen = self._text[first:]
        while _width(seen) > size.columns - 3:
            seen = seen[:-1]
        line = [(f"{_pointer()} ", "chosen"), (seen, "")]
        complaint: list[Row] = [[(part, "wrong")] for part in wrap(self._complaint, size.columns)]
        rows = [*head, line, *(complaint or [[]]), [(f"Enter takes, {_LEAVING}", "faint")]]
        return rows, (len(head), 2 + _width(self._text[first : self._at]))

    def press(self, key: str) -> Any:
        self._complaint = ""
        if key == "back":
            return BACK
        if key == "enter":
            self._complaint = self._prompt.check(self._text)
            return _OPEN if self._complaint else self._text
        self._edit(key)
        return _OPEN

    def _edit(self, key: str) -> None:
        before, after = self._text[: self._at], self._text[self._at :]
        match key:
            case "left" | "right":
                step = 1 if key == "right" else -1
                before = self._text[: max(0, self._at + step)]
                after = self._text[len(before) :]
            case "home":
                before, after = "", self._text
            case "end":
                before, after = self._text, ""
            case "erase":
                before = before[:-1]
            case "erase word":
                before = re.sub(r"\S*\s*\Z", "", before, count=1)
            case "delete":
                after = after[1:]
            case "clear":
                before, after = "", ""
            case "erase to the end":
                after = ""
            case _ if len(key) == 1 and key.isprintable():
                before += key
        self._text, self._at = before + after, len(before)


class _Page:
    """Something to read."""

    tells_all = True

    def __init__(self, title: str, lines: Callable[[int], list[str]]) -> None:
        self._title = title
        self._lines = lines

    def rows(self, size: os.terminal_size) -> tuple[list[Row], tuple[int, int] | None]:
        lines: list[Row] = [[(f"  {line}", "")] for line in self._lines(size.lines - 3)]
        return [[(self._title, "strong")], *lines, [], [("Enter goes back", "faint")]], None

    def press(self, key: str) -> Any:
        return BACK if key in ("enter", "back", " ") else _OPEN


def _head(prompt: Prompt) -> list[Row]:
    rows: list[Row] = [[(prompt.text, "strong")]]
    return [*rows, [(prompt.note, "note")]] if prompt.note else rows


def _settled(pairs: tuple[tuple[str, str], ...]) -> list[Row]:
    return [[(f"{question}  ", "faint"), (answer, "")] for question, answer in pairs]


def _window(index: int, number: int, rows: int) -> range:
    """The part of a list that is seen: at most `rows` long, with `index` in its middle."""
    rows = max(1, min(rows, number))
    first = min(max(0, index - rows // 2), number - rows)
    return range(first, first + rows)


def _painted(row: Row, width: int) -> str:
    """The row with its colours, shortened to `width` columns."""
    painted = ""
    for text, style in row:
        fitting = _fitting(text, width)
        width -= _width(fitting)
        code = _STYLES[style] if console.has_colour() else ""
        painted += f"\x1b[{code}m{fitting}\x1b[0m" if code and fitting else fitting
    return painted


def _fitting(text: str, width: int) -> str:
    """The text, or as many whole words of it as fit, and an ellipsis."""
    if _width(text) <= width:
        return text
    while text and _width(text) > width - 1:
        text = text[:-1]
    whole_words = text.rstrip().rpartition(" ")[0]
    return f"{whole_words if len(whole_words) > width // 2 else text}…"[: max(0, width)]


def _width(text: str) -> int:
    """Columns: wide characters take two, accents none."""
    return sum(
        0 if unicodedata.combining(one) else 2 if unicodedata.east_asian_width(one) in "WF" else 1
        for one in text
    )


def _pointer() -> str:
    return "\u276f" if (sys.stderr.encoding or "").lower().startswith("utf") else ">"
