"""Asks with questionary: menus and text fields that are redrawn in place.

The answers so far are shown above the question. A question is erased when it is answered, so that
going back or changing an answer leaves no outdated lines on the screen.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from itertools import count
from textwrap import wrap
from types import TracebackType
from typing import Any, Final, Self

import questionary
from prompt_toolkit import print_formatted_text
from prompt_toolkit.application import Application
from prompt_toolkit.filters import to_filter
from prompt_toolkit.formatted_text import FormattedText, StyleAndTextTuples
from prompt_toolkit.input import Input, create_input
from prompt_toolkit.key_binding import KeyPress
from prompt_toolkit.keys import Keys
from prompt_toolkit.layout import (
    AnyContainer,
    FormattedTextControl,
    HSplit,
    Layout,
    VerticalAlign,
    Window,
)
from prompt_toolkit.output import ColorDepth, Output
from prompt_toolkit.output.vt100 import Vt100_Output
from prompt_toolkit.utils import get_cwidth

from scaffold.interview import session
from scaffold.interview.prompts import BACK, Choice, Prompt, by_group
from scaffold.terminal import console

_STYLE: Final = questionary.Style(
    [
        ("qmark", "fg:ansicyan bold"),
        ("question", "bold"),
        ("answer", "fg:ansicyan"),
        ("pointer", "fg:ansicyan bold"),
        ("highlighted", "fg:ansicyan bold"),
        ("disabled", "dim"),
        ("separator", "bold"),
        ("note", "fg:ansiyellow"),
        ("invalid", "fg:ansired"),
        ("hint", "dim"),
    ]
)
_MARK: Final = "?"
_KEYS: Final = "Enter: accept, Shift-Tab: back, Ctrl-C: cancel"
_LONG: Final = 9
"""A menu with more choices has a search filter."""
_INDENT: Final = 3
"""The columns of a menu's pointer and the spaces around it."""
_INSET: Final = 2
"""How far choices stand to the right of their heading."""
_WIDEST_LABEL: Final = 24
_FRAME: Final = 4
"""The rows of a page that are not its lines: the title, two empty ones, and the prompt."""


class Menus:
    """Asks on a terminal that can move its cursor; the questions are drawn on stderr."""

    def __init__(self, keyboard: Input | None = None, screen: Output | None = None) -> None:
        self._keyboard = keyboard or create_input(sys.stdin)
        self._screen = screen or _stderr()
        self._answered: tuple[tuple[str, str], ...] = ()
        self._cleanup = ExitStack()

    def __enter__(self) -> Self:
        """Turn the echo off: keys typed between two questions must not appear on the screen."""
        self._cleanup.enter_context(self._keyboard.raw_mode())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Restore the terminal, and leave the answers on the screen."""
        with suppress(OSError):  # the terminal may be gone
            self._cleanup.close()
            if self._answered:
                lines = FormattedText([*_answers(self._answered), ("", "\n")])
                print_formatted_text(lines, style=_STYLE, output=self._screen)

    def ask(self, prompt: Prompt, meanwhile: Callable[[], object]) -> Any:
        """Show a menu, or a text field if there are no choices."""
        self._answered = prompt.answered
        ask = self._choose if prompt.choices else self._type
        return ask(prompt, session.Background(meanwhile))

    def show(self, title: str, lines: Callable[[int], list[str]]) -> None:
        """Show one page until a key is pressed."""
        rows, columns = self._screen.get_size()
        room = rows - _FRAME
        page: StyleAndTextTuples = [("class:question", title)]
        with console.progress("Rendering the project"):
            shown = lines(room - 2)  # two rows less: the last line may need more than one
        for line in shown:
            page += [("", f"\n  {part}") for part in _lines(line, columns - 3)]
        question = questionary.press_any_key_to_continue(
            "Press any key to go back", style=_STYLE, input=self._keyboard, output=self._screen
        )
        field = question.application.layout.current_window
        _arrange(question.application, [_window(page), _window([("", "")]), field], field)
        session.run(question, session.Background(lambda: None))

    def _choose(self, prompt: Prompt, background: session.Background) -> Any:
        """Show the choices. The value that questionary returns is the index of one."""
        menu = _menu(prompt.choices, self._screen.get_size().columns)
        question = questionary.select(
            prompt.text,
            menu,
            qmark=_MARK,
            pointer="\u276f" if self._screen.encoding().lower().startswith("utf") else ">",
            style=_STYLE,
            instruction=" ",  # an empty one would be replaced; the keys are named below the menu
            use_search_filter=_has_filter(prompt),
            use_jk_keys=False,
            input=self._keyboard,
            output=self._screen,
        )
        app = question.application
        app.pre_run_callables.append(lambda: _move_to_default(app, prompt))
        for window in app.layout.find_all_windows():
            window.wrap_lines = window.dont_extend_height = to_filter(True)
        keys = f"{'Letters: filter, ' if _has_filter(prompt) else ''}Arrows: move, {_KEYS}"
        hint = _window(lambda: self._hint(keys))
        above = self._above(prompt, rows=len(menu) + 3)
        _arrange(app, [*above, app.layout.container, hint], app.layout.current_window)
        answer = session.run(question, background)
        return answer if answer is BACK else prompt.choices[answer].value

    def _type(self, prompt: Prompt, background: session.Background) -> Any:
        def check(text: str) -> str | bool:
            background.wait()
            return prompt.check(text) or True

        question = questionary.text(
            prompt.text,
            default="" if prompt.default is None else str(prompt.default),
            validate=check,
            qmark=_MARK,
            style=_STYLE,
            input=self._keyboard,
            output=self._screen,
        )
        app = question.application
        field = app.layout.current_window
        below = _window(lambda: [*self._complaint(app), *self._hint(_KEYS)])
        _arrange(app, [*self._above(prompt, rows=4), field, below], field)
        return session.run(question, background)

    def _above(self, prompt: Prompt, rows: int) -> list[AnyContainer]:
        """The answers so far, as many as fit above `rows` other rows, and why it is asked again."""
        room = max(0, self._screen.get_size().rows - rows - bool(prompt.note))
        answered = () if prompt.lists_answers or not room else prompt.answered[-room:]
        windows = [_window(_answers(answered))] if answered else []
        return [*windows, _window([("class:note", prompt.note)])] if prompt.note else [*windows]

    def _complaint(self, app: Application[Any]) -> StyleAndTextTuples:
        """What is wrong with the text in the field."""
        error = app.current_buffer.validation_error
        lines = _lines(error.message, self._screen.get_size().columns - 3) if error else []
        return [("class:invalid", f"  {line}\n") for line in lines]

    def _hint(self, keys: str) -> StyleAndTextTuples:
        lines = _lines(keys, self._screen.get_size().columns - 3)
        return [("class:hint", f"\n  {line}") for line in lines]


def _stderr() -> Output:
    depth = None if console.has_colour() else ColorDepth.MONOCHROME
    screen = Vt100_Output.from_pty(sys.stderr, os.environ.get("TERM"), default_color_depth=depth)
    screen.enable_cpr = False  # an answer that comes late would be read as keys, by us or the shell
    return screen


def _has_filter(prompt: Prompt) -> bool:
    """Whether typing filters the menu.

    With unavailable choices or headings it must not: questionary selects them by the filter, and
    counts in the unfiltered list when it moves on.
    """
    return len(prompt.choices) > _LONG and not any(
        one.refusal or one.group for one in prompt.choices
    )


def _menu(choices: Sequence[Choice], columns: int) -> list[questionary.Choice]:
    """Two columns, the labels and their meanings. The value of each choice is its index."""
    wide = min(_WIDEST_LABEL, max(get_cwidth(choice.label) for choice in choices))
    menu: list[questionary.Choice] = []
    indices = count()
    for heading, members in by_group(choices):
        if heading:
            menu.append(questionary.Separator(heading))
        inset = _INSET if heading else 0
        menu += [_line(one, next(indices), inset, inset + wide, columns) for one in members]
    return menu


def _line(choice: Choice, index: int, inset: int, wide: int, columns: int) -> questionary.Choice:
    """One choice: the label, from the column `inset` on, and from `wide` on the meaning."""
    mark = 2 if choice.refusal else 0  # questionary puts "- " before an unavailable choice
    label = " " * (inset - mark) + choice.label
    if choice.meaning:
        label += " " * (wide - mark - get_cwidth(label)) + "  "
    indent = _INDENT + mark + get_cwidth(label)
    title = label + _wrapped(choice.meaning, indent, columns)
    reason = _wrapped(choice.reason, indent + 2, columns - 1)  # it is shown as " (REASON)"
    return questionary.Choice(title, value=index, disabled=reason or None)


def _wrapped(text: str, indent: int, columns: int) -> str:
    """The text between the columns `indent` and `columns`; its first line is not indented."""
    return f"\n{' ' * indent}".join(_lines(text, max(20, columns - indent)))


def _lines(text: str, width: int) -> list[str]:
    return wrap(text, max(1, width), break_on_hyphens=False)


def _move_to_default(app: Application[Any], prompt: Prompt) -> None:
    """Press Down until the pointer is at the default.

    The `default` of questionary is of no use here: it keeps the style of a selected choice when the
    pointer moves on.
    """
    values = [choice.value for choice in prompt.choices if not choice.refusal]
    if prompt.default in values:
        app.key_processor.feed_multiple([KeyPress(Keys.Down)] * values.index(prompt.default))


def _answers(pairs: Sequence[tuple[str, str]]) -> StyleAndTextTuples:
    """One line for each question."""
    parts: StyleAndTextTuples = []
    for question, answer in pairs:
        parts += [("class:qmark", f"\n{_MARK}"), ("", f" {question} "), ("class:answer", answer)]
    return [("class:qmark", _MARK), *parts[1:]]


def _arrange(app: Application[Any], parts: Sequence[AnyContainer], focus: Window) -> None:
    app.layout = Layout(HSplit(parts, align=VerticalAlign.TOP), focused_element=focus)


def _window(text: StyleAndTextTuples | Callable[[], StyleAndTextTuples]) -> Window:
    return Window(FormattedTextControl(text), dont_extend_height=True, wrap_lines=True)
