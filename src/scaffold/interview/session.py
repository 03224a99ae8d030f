"""Runs one question of questionary: its keys, the signals, and the work in the background."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any, Final

from prompt_toolkit.application import Application
from prompt_toolkit.key_binding import (
    KeyBindings,
    KeyBindingsBase,
    KeyPressEvent,
    merge_key_bindings,
)
from prompt_toolkit.keys import Keys
from questionary import Question

from scaffold.interview.prompts import BACK
from scaffold.terminal.signals import Interrupted

_ENDING: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]


class Background:
    """Runs a task in a thread, so that the question on the screen still reacts to keys."""

    def __init__(self, task: Callable[[], object]) -> None:
        self._task = task
        self._thread: Thread | None = None
        self._error: BaseException | None = None

    def start(self, app: Application[Any]) -> None:
        """Start the task, unless it was started before. An error in it ends `app`."""
        if self._thread is None:
            # A daemon: Ctrl-C does not wait for it.
            self._thread = Thread(target=self._work, args=(app, app.loop), daemon=True)
            self._thread.start()

    def wait(self) -> None:
        """Wait for the end of the task."""
        if self._thread:
            self._thread.join()

    def check(self) -> None:
        """Raise the error that ended the task, if there is one."""
        if self._error:
            raise self._error

    def _work(self, app: Application[Any], loop: asyncio.AbstractEventLoop) -> None:
        try:
            self._task()
        except BaseException as error:  # noqa: BLE001 - `check` raises it in the main thread
            self._error = error
            with suppress(RuntimeError):  # the question is answered, and its loop closed
                loop.call_soon_threadsafe(_end, app, error)


def run(question: Question, background: Background) -> Any:
    """Ask `question` and erase it from the screen; do the work of `background` meanwhile.

    Returns:
        The answer, or BACK.

    Raises:
        Interrupted: by Ctrl-C, Ctrl-D or a signal, or because the terminal is gone.
        Exception: the work in the background raised it.
    """
    app = question.application
    app.erase_when_done = True
    app.key_bindings = _with_own_keys(app.key_bindings)
    app.after_render += background.start
    with _ending_on_signals(app):
        try:
            answer = question.unsafe_ask()
        except (KeyboardInterrupt, EOFError, OSError) as error:
            background.check()
            raise Interrupted(signal.SIGINT) from error
    background.wait()
    background.check()
    return answer


def _with_own_keys(existing: KeyBindingsBase | None) -> KeyBindingsBase:
    own = KeyBindings()

    @own.add("s-tab")
    def _back(event: KeyPressEvent) -> None:
        event.app.exit(result=BACK)

    @own.add("c-d")
    @own.add("<sigint>")
    def _cancel(event: KeyPressEvent) -> None:
        _end(event.app, Interrupted(signal.SIGINT))

    @own.add("c-r")
    @own.add("c-s")
    def _no_search(_event: KeyPressEvent) -> None:
        """A text field has no history to search in."""

    @own.add(Keys.BracketedPaste)
    def _paste(event: KeyPressEvent) -> None:
        """Insert one line: a text that was copied often ends with a line break."""
        event.current_buffer.insert_text(" ".join(event.data.split()))

    return merge_key_bindings([existing or KeyBindings(), own])


@contextmanager
def _ending_on_signals(app: Application[Any]) -> Iterator[None]:
    """End `app` on SIGTERM and SIGHUP.

    The usual handler raises `Interrupted`. In the middle of the event loop that would be reported
    as an error of the loop, and the question would stay.
    """
    usual = {number: signal.getsignal(number) for number in _ENDING}
    listened = [number for number, handler in usual.items() if handler is not signal.SIG_IGN]

    def listen() -> None:
        for number in listened:
            asyncio.get_running_loop().add_signal_handler(number, _end, app, Interrupted(number))

    app.pre_run_callables.append(listen)
    try:
        yield
    finally:
        for number in listened:  # the loop has reset them
            signal.signal(number, usual[number])


def _end(app: Application[Any], error: BaseException) -> None:
    if app.is_running and not app.is_done:
        app.exit(exception=error)
