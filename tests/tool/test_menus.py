"""The menus and text fields of questionary, with keys from a pipe, in this process."""

from __future__ import annotations

import io
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from prompt_toolkit.data_structures import Size
from prompt_toolkit.input import PipeInput, create_pipe_input
from prompt_toolkit.output import ColorDepth, DummyOutput, Output
from prompt_toolkit.output.vt100 import Vt100_Output

from scaffold.interview.menus import Menus
from scaffold.interview.prompts import BACK, Choice, Prompt
from scaffold.terminal.errors import Problem
from scaffold.terminal.signals import Interrupted, listen

UP, DOWN, LEFT, BACKWARDS = "\x1b[A", "\x1b[B", "\x1b[D", "\x1b[Z"
HOME, END, DELETE, ERASE = "\x1b[H", "\x1b[F", "\x1b[3~", "\x7f"
ENTER, CTRL_C, CTRL_D, CTRL_U = "\r", "\x03", "\x04", "\x15"

COLOURS = Prompt(
    "Which colour?",
    (
        Choice("r", "Red", "like a rose"),
        Choice("g", "Green", refusal="sold out"),
        Choice("b", "Blue", "like the sea"),
        Choice("k", "Black"),
    ),
)
MANY = Prompt("How many?", tuple(Choice(number, f"number {number}") for number in range(1, 41)))

Answer = Callable[..., Any]


class Screen:
    """A terminal of 40 columns and 12 lines, and all that was written to it."""

    def __init__(
        self, colour: ColorDepth = ColorDepth.DEPTH_1_BIT, encoding: str = "utf-8"
    ) -> None:
        self._written = io.BytesIO()
        self._encoding = encoding
        self.output = Vt100_Output(
            io.TextIOWrapper(self._written, encoding, write_through=True),
            lambda: Size(rows=12, columns=40),
            default_color_depth=colour,
            enable_cpr=False,
        )

    def raw(self) -> str:
        return self._written.getvalue().decode(self._encoding)

    def text(self) -> str:
        return plain(self.raw())

    def shows(self, text: str) -> bool:
        return text in self.text()


def plain(written: str) -> str:
    """What was written, without codes; spaces stand for movements to the right."""
    moved = re.sub(r"\x1b\[(\d+)C", lambda match: " " * int(match[1]), written)
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", moved).replace("\r", "")


@pytest.fixture
def keys() -> Iterator[PipeInput]:
    with create_pipe_input() as pipe:
        yield pipe


@pytest.fixture
def answer(keys: PipeInput) -> Answer:
    """`answer(COLOURS, DOWN, ENTER)` is what these keys choose."""

    def run(prompt: Prompt, *typed: str, on: Output | None = None) -> Any:
        keys.send_text("".join(typed))
        with Menus(keys, on or DummyOutput()) as menus:
            return menus.ask(prompt, lambda: None)

    return run


@pytest.fixture
def watch(keys: PipeInput) -> Answer:
    """`watch(screen, MANY, DOWN, "number 2", ENTER)` types each key when the text is seen."""

    def run(screen: Screen, prompt: Prompt, *script: str) -> Any:
        def type_and_wait() -> None:
            for typed, awaited in zip(script[::2], script[1::2], strict=False):
                wait_until(partial(screen.shows, prompt.text))
                keys.send_text(typed)
                wait_until(partial(screen.shows, awaited))
            keys.send_text(script[-1])

        typist = threading.Thread(target=type_and_wait)
        typist.start()
        with Menus(keys, screen.output) as menus:
            answer = menus.ask(prompt, lambda: None)
        typist.join()
        return answer

    return run


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def text(default: str) -> Prompt:
    return Prompt("What?", default=default)


@pytest.mark.parametrize(
    ("typed", "chosen"),
    [("", "r"), (DOWN, "b"), (DOWN * 3, "r"), (UP, "k"), ("\x1bOB", "b"), ("x", "r")],
)
def test_keys_move_between_the_choices_that_are_available(
    typed: str, chosen: str, answer: Answer
) -> None:
    assert answer(COLOURS, typed, ENTER) == chosen


def test_the_pointer_begins_at_the_default(answer: Answer) -> None:
    assert answer(Prompt("?", COLOURS.choices, default="b"), ENTER) == "b"


def test_the_value_of_a_choice_may_be_anything(answer: Answer) -> None:
    choices = (Choice(None, "nothing"), Choice({"a": [1]}, "a mapping"), Choice(False, "no"))
    prompt = Prompt("?", choices)
    assert answer(prompt, ENTER) is None
    assert answer(prompt, DOWN, ENTER) == {"a": [1]}
    assert answer(prompt, UP, ENTER) is False


def test_an_unavailable_choice_is_shown_with_its_reason(answer: Answer) -> None:
    screen = Screen()
    answer(COLOURS, ENTER, on=screen.output)
    assert "   - Green (unavailable: sold out)\n" in screen.text()


def test_the_pointer_is_a_sign_that_the_terminal_can_show(answer: Answer) -> None:
    unicode, ascii_only = Screen(), Screen(encoding="ascii")
    answer(COLOURS, ENTER, on=unicode.output)
    answer(COLOURS, ENTER, on=ascii_only.output)
    assert " \u276f Red" in unicode.text()
    assert " > Red" in ascii_only.text()


def test_a_long_menu_can_be_filtered(answer: Answer) -> None:
    screen = Screen()
    assert answer(MANY, "37", ENTER, on=screen.output) == 37
    assert "Letters: filter, Arrows: move" in screen.text()


@pytest.mark.parametrize("typed", ["g", "gg" + DOWN])
def test_no_filter_leads_to_an_unavailable_choice(typed: str, answer: Answer) -> None:
    """In questionary 2.1 a filter selects it, or never ends to look for another."""
    unavailable = [Choice(letter, letter * 2, refusal="sold out") for letter in "abcdefg"]
    available = [Choice(letter, letter * 2) for letter in "hijklmn"]
    assert answer(Prompt("?", (*unavailable, *available)), typed, ENTER) in "hijklmn"


@pytest.mark.parametrize(
    ("typed", "result"),
    [
        (" shop", "old shop"),
        (ERASE * 2 + "k", "ok"),
        (LEFT * 2 + DELETE + "a", "oad"),
        (HOME + "b" + END + "!", "bold!"),
        (CTRL_U + "new", "new"),
        ("ä🛒", "oldä🛒"),
        ("\x1b[200~er\nshop\n\x1b[201~", "older shop"),
    ],
)
def test_a_text_can_be_edited(typed: str, result: str, answer: Answer) -> None:
    assert answer(text("old"), typed, ENTER) == result


def test_a_text_that_is_not_valid_is_asked_for_again(watch: Answer) -> None:
    prompt = Prompt("Name?", default="bad", check=lambda name: "too short" * (len(name) < 5))
    assert watch(Screen(), prompt, ENTER, "too short", "ly" + ENTER) == "badly"


@pytest.mark.parametrize("code", range(1, 32))
@pytest.mark.parametrize("prefix", ["", "\x1b"])
def test_no_control_key_breaks_a_text_field(code: int, prefix: str, answer: Answer) -> None:
    screen = Screen()
    with suppress(Interrupted):
        answer(text("x"), prefix + chr(code), " ", CTRL_C, on=screen.output)
    assert "exception" not in screen.text().lower()


@pytest.mark.parametrize("prompt", [COLOURS, MANY, text("x")])
def test_shift_tab_goes_back(prompt: Prompt, answer: Answer) -> None:
    assert answer(prompt, BACKWARDS) is BACK


@pytest.mark.parametrize("prompt", [COLOURS, MANY, text("x")])
@pytest.mark.parametrize("key", [CTRL_C, CTRL_D])
def test_ctrl_c_and_ctrl_d_cancel(prompt: Prompt, key: str, answer: Answer) -> None:
    with pytest.raises(Interrupted) as interruption:
        answer(prompt, key)
    assert interruption.value.signum == signal.SIGINT


def test_a_terminal_that_is_gone_cancels(keys: PipeInput) -> None:
    with pytest.raises(Interrupted), Menus(keys, DummyOutput()) as menus:
        menus.ask(COLOURS, keys.close)


@pytest.mark.parametrize("prompt", [COLOURS, text("x")])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_question_and_is_handled_as_before_afterwards(
    prompt: Prompt, number: signal.Signals, keys: PipeInput
) -> None:
    listen()
    handler = signal.getsignal(number)
    with pytest.raises(Interrupted) as interruption, Menus(keys, DummyOutput()) as menus:
        menus.ask(prompt, lambda: os.kill(os.getpid(), number))
    assert interruption.value.signum == number
    assert signal.getsignal(number) == handler


def test_a_signal_ends_the_question_also_while_a_key_is_handled(answer: Answer) -> None:
    """An exception out of a signal handler would only be reported by the event loop there."""
    listen()

    def check(_text: str) -> str:
        os.kill(os.getpid(), signal.SIGTERM)
        return "not valid"

    with pytest.raises(Interrupted) as interruption:
        answer(Prompt("What?", check=check), ENTER)
    assert interruption.value.signum == signal.SIGTERM


def test_a_signal_that_is_ignored_stays_ignored(keys: PipeInput) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    screen = Screen()

    def hang_up_and_answer() -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        keys.send_text(DOWN)
        wait_until(lambda: screen.text().count("\u276f") == 2)
        keys.send_text(ENTER)

    with Menus(keys, screen.output) as menus:
        assert menus.ask(COLOURS, hang_up_and_answer) == "b"


@pytest.mark.parametrize("prompt", [COLOURS, text("x")])
@pytest.mark.parametrize("error", [Problem("broken"), OSError("broken"), EOFError("broken")])
def test_an_error_in_the_background_ends_the_question_and_leaves_nothing_on_the_screen(
    prompt: Prompt, error: Exception, keys: PipeInput
) -> None:
    screen = Screen()

    def fail() -> None:
        raise error

    with pytest.raises(type(error), match="broken"), Menus(keys, screen.output) as menus:
        menus.ask(prompt, fail)
    shown, _, rest = screen.raw().rpartition("\x1b[J")
    assert (prompt.text in plain(shown), plain(rest)) == (True, "")


def test_an_error_in_the_background_is_raised_when_the_answer_comes_first(keys: PipeInput) -> None:
    answered = threading.Event()

    def fail() -> None:
        assert answered.wait(10)
        raise Problem("broken")

    keys.send_text(ENTER)
    threading.Timer(0.2, answered.set).start()
    with pytest.raises(Problem, match="broken"), Menus(keys, DummyOutput()) as menus:
        menus.ask(COLOURS, fail)


def test_keys_are_handled_while_the_background_works(keys: PipeInput) -> None:
    screen = Screen()

    def work() -> None:
        keys.send_text(DOWN)
        wait_until(lambda: screen.text().count("\u276f") == 2)
        keys.send_text(ENTER)

    with Menus(keys, screen.output) as menus:
        assert menus.ask(COLOURS, work) == "b"


def test_the_answers_so_far_stand_above_and_stay_at_the_end(answer: Answer) -> None:
    screen = Screen()
    prompt = replace(COLOURS, answered=(("Name?", "shop"), ("Size?", "big")))
    answer(prompt, ENTER, on=screen.output)
    question, _, end = screen.raw().rpartition("\x1b[J")
    assert "? Name? shop\n? Size? big\n? Which colour?" in plain(question)
    assert plain(end) == "? Name? shop\n? Size? big\n\n"


def test_a_menu_that_lists_the_answers_shows_them_once(answer: Answer) -> None:
    screen = Screen()
    prompt = replace(COLOURS, answered=(("Name?", "shop"),), lists_answers=True)
    answer(prompt, ENTER, on=screen.output)
    assert screen.text().count("Name? shop") == 1


def test_only_as_many_answers_are_shown_as_fit(answer: Answer) -> None:
    screen = Screen()
    answered = tuple((f"Question {number}?", "yes") for number in range(9))
    answer(replace(COLOURS, answered=answered), ENTER, on=screen.output)
    shown = screen.text().partition("Which colour?")[0]
    assert [f"Question {number}?" in shown for number in (3, 4, 8)] == [False, True, True]


def test_a_question_says_why_it_is_asked_again(answer: Answer) -> None:
    screen = Screen()
    answer(replace(COLOURS, note="red is out of stock"), ENTER, on=screen.output)
    assert "red is out of stock\n? Which colour?" in screen.text()


GROUPED = Prompt(
    "Which letter?",
    (
        Choice("a", "Alpha", "the first", group="Greek"),
        Choice("b", "Beta", refusal="sold out", group="Greek"),
        Choice("c", "See", "the last", group="Latin"),
    ),
)


def test_choices_stand_under_the_heading_of_their_group(answer: Answer) -> None:
    screen = Screen()
    answer(GROUPED, ENTER, on=screen.output)
    assert (
        "   Greek\n \u276f   Alpha  the first\n   - Beta (unavailable: sold out)\n"
        "   Latin\n     See    the last\n"
    ) in screen.text()


@pytest.mark.parametrize(
    ("typed", "chosen"), [("", "a"), (DOWN, "c"), (DOWN * 2, "a"), (UP, "c"), ("t", "a")]
)
def test_keys_pass_over_headings(typed: str, chosen: str, answer: Answer) -> None:
    assert answer(GROUPED, typed, ENTER) == chosen


def test_the_pointer_begins_at_the_default_below_headings(answer: Answer) -> None:
    assert answer(replace(GROUPED, default="c"), ENTER) == "c"


def test_a_long_menu_with_headings_has_no_filter(answer: Answer) -> None:
    """In questionary 2.1 a filter selects a heading, or never ends to look for a choice."""
    choices = tuple(Choice(number, f"one {number}", group="Ones") for number in range(20))
    screen = Screen()
    assert answer(Prompt("?", choices), "Ones", DOWN, ENTER, on=screen.output) == 1
    assert "Letters: filter" not in screen.text()


def test_long_explanations_are_wrapped_between_words(answer: Answer) -> None:
    screen = Screen()
    words = "a long meaning that needs two lines"
    choices = (Choice(1, "One", words), Choice(2, "Two", refusal=words))
    answer(Prompt("?", choices), ENTER, on=screen.output)
    assert " \u276f One  a long meaning that needs two\n        lines\n" in screen.text()
    assert "   - Two (unavailable: a long meaning\n          that needs two lines)" in screen.text()


def test_more_choices_than_lines_scroll(watch: Answer) -> None:
    screen = Screen()
    assert watch(screen, MANY, DOWN * 20, "21", ENTER) == 21
    assert "number 40" not in screen.text()


def test_a_page_is_shown_until_a_key_is_pressed(keys: PipeInput) -> None:
    screen = Screen()
    keys.send_text("x")
    with Menus(keys, screen.output) as menus:
        menus.show("The files", lambda rows: [f"at most {rows} lines", "word " * 12])
    shown = "The files\n  at most 6 lines\n  word word word word word word word\n  word word"
    assert shown in screen.text()


def test_a_page_can_be_cancelled(keys: PipeInput) -> None:
    keys.send_text(CTRL_C)
    with pytest.raises(Interrupted), Menus(keys, DummyOutput()) as menus:
        menus.show("The files", lambda _: [])


@pytest.mark.parametrize(
    ("colour", "codes"), [(ColorDepth.DEPTH_1_BIT, set()), (ColorDepth.DEPTH_4_BIT, {"36"})]
)
def test_colour_depends_on_the_terminal(
    colour: ColorDepth, codes: set[str], answer: Answer
) -> None:
    screen = Screen(colour)
    answer(COLOURS, ENTER, on=screen.output)
    written = {
        code for codes in re.findall(r"\x1b\[([0-9;]*)m", screen.raw()) for code in codes.split(";")
    }
    assert {code for code in written if re.fullmatch(r"[349]\d|10\d", code)} == codes


@pytest.mark.parametrize("wanted", [True, False])
def test_the_terminal_has_colour_where_the_console_has(
    wanted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scaffold.terminal.console.has_colour", lambda: wanted)
    depth = Menus()._screen.get_default_color_depth()
    assert (depth != ColorDepth.DEPTH_1_BIT) is wanted
