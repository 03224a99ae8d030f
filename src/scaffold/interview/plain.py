"""Line mode, for screen readers, pipes and simple terminals: nothing is redrawn."""

from __future__ import annotations

import io
import signal
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from scaffold.interview.prompts import BACK, Choice, Prompt, by_group
from scaffold.terminal import console
from scaffold.terminal.signals import Interrupted

_USAGE: Final = "Enter accepts the answer in brackets, b goes back, ? explains, Ctrl-C cancels."
_ROWS: Final = 20
_INVALID: Final = object()


class Plain:
    """Numbered choices; one line in, one line out."""

    def __enter__(self) -> Self:
        """Say which keys there are."""
        if isinstance(sys.stdin, io.TextIOWrapper):
            sys.stdin.reconfigure(errors="surrogateescape")  # so that it is refused with a message
        console.say(_USAGE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the line of the question that was not answered."""
        if error is not None:
            console.say()

    def ask(self, prompt: Prompt, meanwhile: Callable[[], object]) -> Any:
        """Read lines until one is a valid answer, or `b` for BACK."""
        _tell(prompt)
        while True:
            default = _label(prompt)
            console.say(f"Answer [{default}]: " if default else "Answer: ", end="")
            meanwhile()
            line = _line()
            if line == "b":
                return BACK
            if line == "?":
                _explain(prompt)
                continue
            answer = _chosen(prompt, line) if prompt.choices else _text(prompt, line)
            if answer is not _INVALID:
                return answer

    def show(self, title: str, lines: Callable[[int], list[str]]) -> None:
        """Print the title and the lines."""
        console.say(f"\n{title}")
        for line in lines(_ROWS):
            console.say(f"  {line}")


def _tell(prompt: Prompt) -> None:
    console.say(f"\n{prompt.text}")
    if prompt.note:
        console.say(prompt.note)
    number = 0
    for heading, choices in by_group(prompt.choices):
        if heading:
            console.say(f"  {heading}")
        for choice in choices:
            number += not choice.refusal
            mark = "-" if choice.refusal else f"{number}."
            meaning = f": {choice.meaning}" if choice.meaning else ""
            reason = f" ({choice.reason})" if choice.reason else ""
            console.say(f"{'  ' if heading else ''}  {mark} {choice.label}{meaning}{reason}")


def _explain(prompt: Prompt) -> None:
    if prompt.choices:
        console.say("Type a number or a name. Choices marked - are unavailable.")
    else:
        console.say("Type a text.")
    console.say(_USAGE)
    _tell(prompt)


def _label(prompt: Prompt) -> str:
    if not prompt.choices:
        return "" if prompt.default is None else str(prompt.default)
    labels = [choice.label for choice in _free(prompt) if choice.value == prompt.default]
    return labels[0] if labels else ""


def _line() -> str:
    line = sys.stdin.readline()
    if not line:
        raise Interrupted(signal.SIGINT)
    return line.strip()


def _chosen(prompt: Prompt, line: str) -> Any:
    word = (line or _label(prompt)).casefold()
    free = _free(prompt)
    if word.isdecimal() and 1 <= int(word) <= len(free):
        return free[int(word) - 1].value
    for choice in prompt.choices:
        if word in (choice.label.casefold(), str(choice.value).casefold()):
            if not choice.refusal:
                return choice.value
            console.say(f"{choice.label} is unavailable: {choice.refusal}.")
            return _INVALID
    said = f"There is no choice {line}" if line else "An answer is needed"
    console.say(f"{said}: type a number from 1 to {len(free)}, or a name.")
    return _INVALID


def _text(prompt: Prompt, line: str) -> Any:
    text = line or _label(prompt)
    if reason := prompt.check(text):
        console.say(f"{reason[:1].upper()}{reason[1:]}.")
        return _INVALID
    return text


def _free(prompt: Prompt) -> list[Choice]:
    return [choice for choice in prompt.choices if not choice.refusal]
