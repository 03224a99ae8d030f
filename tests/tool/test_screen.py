"""The screen that redraws, on a pseudo-terminal of this very process."""

from __future__ import annotations

import os
import pty
import re
import select
import termios
import threading
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import pytest

from scaffold.interview.prompts import BACK, Choice, Prompt
from scaffold.interview.screen import Screen
from scaffold.terminal.signals import Interrupted

UP, DOWN, LEFT, RIGHT, BACKWARDS = "\x1b[A", "\x1b[B", "\x1b[D", "\x1b[C", "\x1b[Z"
HOME, END, DELETE, ERASE = "\x1b[H", "\x1b[F", "\x1b[3~", "\x7f"
ENTER, INTERRUPT, END_OF_INPUT = "\r", "\x03", "\x04"

COLOURS = Prompt(
    "Which colour?",
    (
        Choice("r", "Red", "as a rose"),
        Choice("g", "Green", refusal="sold out"),
        Choice("b", "Blue", "as the sea"),
        Choice("k", "Black"),
    ),
)


class Desk:
    """A person at a terminal of 40 columns and 12 lines."""

    def __init__(self) -> None:
        self._person, self.terminal = pty.openpty()
        self.resize(12, 40)
        modes = self.modes()
        modes[3] &= ~termios.ISIG  # it is not the terminal that this process gets its signals from
        termios.tcsetattr(self.terminal, termios.TCSANOW, modes)
        self.keyboard: TextIO = os.fdopen(self.terminal, closefd=False)
        self.paper: TextIO = os.fdopen(self.terminal, "w", closefd=False)

    def resize(self, rows: int, columns: int) -> None:
        termios.tcsetwinsize(self.terminal, (rows, columns))

    def type(self, keys: str) -> None:
        os.write(self._person, keys.encode())

    def modes(self) -> list[Any]:
        return termios.tcgetattr(self.terminal)

    def seen(self) -> str:
        seen = b""
        while select.select([self._person], [], [], 0.1)[0]:
            seen += os.read(self._person, 65536)
        return seen.decode()

    def leave(self) -> None:
        os.close(self._person)
        self._person = -1

    def close(self) -> None:
        if self._person >= 0:
            self.leave()
        os.close(self.terminal)


Answer = Callable[..., Any]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("NO_COLOR", "1")
    desk = Desk()
    yield desk
    desk.close()


@pytest.fixture
def answer(desk: Desk) -> Answer:
    """`answer(COLOURS, DOWN, ENTER)` is what these keys choose."""

    def run(prompt: Prompt, *keys: str) -> Any:
        with Screen(desk.keyboard, desk.paper) as screen:
            return screen.ask(prompt, lambda: desk.type("".join(keys)))

    return run


def text(default: str = "", refused: str | None = None) -> Prompt:
    return Prompt("What?", default=default, check=lambda text: "no" if text == refused else "")


@pytest.mark.parametrize(
    ("keys", "chosen"),
    [
        ("", "r"),
        (DOWN, "b"),
        (DOWN * 3, "r"),
        (UP, "k"),
        (END, "k"),
        (END + HOME, "r"),
        ("b", "b"),
        ("bb", "k"),
        ("g", "r"),
        ("\x1bOB", "b"),
        ("\x1b[5~", "r"),
    ],
)
def test_keys_move_between_the_choices_that_can_be_taken(
    keys: str, chosen: str, answer: Answer
) -> None:
    assert answer(COLOURS, keys, ENTER) == chosen


def test_the_default_is_highlighted_first(answer: Answer) -> None:
    assert answer(Prompt("?", COLOURS.choices, default="b"), ENTER) == "b"


@pytest.mark.parametrize(
    ("keys", "typed"),
    [
        ("shop", "old shop"),
        (ERASE * 2 + "k", "ok"),
        (LEFT * 2 + DELETE + "a", "oad"),
        (HOME + "b", "bold"),
        (HOME + RIGHT + "x" + END + "!", "oxld!"),
        ("\x15new", "new"),
        ("er shop\x17", "older "),
        (HOME + "\x0b", ""),
        ("\tä🛒\x1b", "oldä🛒"),
    ],
)
def test_a_text_can_be_edited(keys: str, typed: str, answer: Answer) -> None:
    default = "old " if keys == "shop" else "old"
    keys, end = (keys[:-1], "\x1b[15~\r") if keys.endswith("\x1b") else (keys, ENTER)
    assert answer(text(default), keys, end) == typed


def test_a_text_that_is_refused_is_asked_for_again(answer: Answer, desk: Desk) -> None:
    assert answer(text("bad", refused="bad"), ENTER, "ly", ENTER) == "badly"
    assert "\nno\n" in desk.seen().replace("\r", "")


@pytest.mark.parametrize("prompt", [COLOURS, text()])
def test_shift_tab_goes_back(prompt: Prompt, answer: Answer) -> None:
    assert answer(prompt, BACKWARDS) is BACK


@pytest.mark.parametrize("prompt", [COLOURS, text()])
@pytest.mark.parametrize("key", [INTERRUPT, END_OF_INPUT])
def test_leaving_restores_the_terminal(
    prompt: Prompt, key: str, answer: Answer, desk: Desk
) -> None:
    before = desk.modes()
    with pytest.raises(Interrupted):
        answer(prompt, key)
    assert desk.modes() == before
    assert desk.seen().endswith("\x1b[?25h")


def test_a_terminal_that_is_gone_interrupts(desk: Desk) -> None:
    with pytest.raises(Interrupted), Screen(desk.keyboard, desk.paper) as screen:
        screen.ask(COLOURS, desk.leave)


def test_no_line_is_wider_than_the_terminal(answer: Answer, desk: Desk) -> None:
    wide = "very " * 20
    prompt = Prompt(
        wide,
        (Choice(1, wide, wide), Choice(2, "🛒" * 30), Choice(3, "x", refusal=wide)),
        note=wide,
        settled=((wide, wide),),
    )
    answer(prompt, ENTER)
    lines = lines_of(desk.seen())
    assert max(len(line) + line.count("🛒") for line in lines) == 39
    assert any(line.endswith("very…") for line in lines)


def lines_of(seen: str) -> list[str]:
    """All lines of all frames, without the codes."""
    return re.sub(r"\x1b\[[0-9;?]*[A-IK-Za-z]|\r", "", seen).replace("\x1b[J", "\n").split("\n")


def test_a_long_text_scrolls_with_the_cursor(answer: Answer, desk: Desk) -> None:
    answer(text("a" * 60 + "end"), HOME, ENTER)
    typed = [line for line in lines_of(desk.seen()) if "aaa" in line]
    assert typed == [f"\u276f {'a' * 32}end", f"\u276f {'a' * 36}"]


def test_more_choices_than_lines_scroll(answer: Answer, desk: Desk) -> None:
    many = tuple(Choice(number, f"number {number}") for number in range(40))
    assert answer(Prompt("How many?", many), DOWN * 20, ENTER) == 20
    seen = desk.seen()
    assert "21 of 40" in seen
    frames = seen.split("How many?")
    assert all(frame.count("\n") <= 11 for frame in frames)


def test_the_settled_questions_that_fit_stand_above(answer: Answer, desk: Desk) -> None:
    settled = tuple((f"Question {number}?", "yes") for number in range(9))
    answer(Prompt("And now?", COLOURS.choices, settled=settled), ENTER)
    shown = desk.seen().partition("And now?")[0]
    assert [f"Question {n}?" in shown for n in (5, 6, 8)] == [False, True, True]


def test_what_is_settled_stays_when_all_is_said(answer: Answer, desk: Desk) -> None:
    answer(Prompt("And?", COLOURS.choices, settled=(("Name?", "shop"),), tells_all=True), ENTER)
    first, _, last = desk.seen().rpartition("\x1b[J")
    assert "Name?" not in first
    assert last == "Name?  shop\r\n\r\n\x1b[?25h"


def test_a_page_is_read_and_left(desk: Desk) -> None:
    with Screen(desk.keyboard, desk.paper) as screen:
        desk.type("x" + ENTER)
        screen.show("The files", lambda rows: [f"{rows} lines"])
    assert "The files\r\n  8 lines\r\n\r\nEnter goes back" in desk.seen()


def test_a_terminal_that_changes_its_size_is_drawn_anew(desk: Desk) -> None:
    def resize_and_answer() -> None:
        desk.resize(12, 20)
        threading.Timer(0.6, desk.type, [ENTER]).start()

    with Screen(desk.keyboard, desk.paper) as screen:
        screen.ask(COLOURS, resize_and_answer)
    _, cleared, anew = desk.seen().partition("\x1b[H\x1b[2J")
    assert cleared
    assert "- Green  unavailab…" in lines_of(anew)


def test_a_terminal_without_a_size_is_taken_for_80_by_24(desk: Desk, answer: Answer) -> None:
    desk.resize(0, 0)
    answer(Prompt("w" * 100, COLOURS.choices), ENTER)
    assert "w" * 78 + "…" in desk.seen()


def test_colour_is_for_those_who_want_it(
    answer: Answer, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(COLOURS, ENTER)
    assert not re.search(r"\x1b\[[0-9;]*m", desk.seen())
    monkeypatch.setattr("scaffold.terminal.console.has_colour", lambda: True)
    answer(COLOURS, ENTER)
    assert "\x1b[1;36m\u276f Red  \x1b[0m" in desk.seen()
