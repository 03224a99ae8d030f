"""One question and its choices, apart from how they are shown: as a menu or line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from types import TracebackType
from typing import Any, Final, Protocol, Self

BACK: Final[Any] = object()
"""What an asker returns instead of an answer when the user goes back to the question before."""


@dataclass(frozen=True)
class Choice:
    """One choice. `meaning` explains it in one line; `refusal` says why it is unavailable.

    `group` is the heading above it and above the next choices with the same group.
    """

    value: Any
    label: str
    meaning: str = ""
    refusal: str = ""
    group: str = ""

    @property
    def reason(self) -> str:
        """Why the choice cannot be selected, as it is shown; empty if it can be selected."""
        if not self.refusal or self.meaning:
            return self.refusal
        return f"unavailable: {self.refusal}"


def by_group(choices: Sequence[Choice]) -> Iterator[tuple[str, list[Choice]]]:
    """The choices in their order, each run of a group with its heading."""
    for heading, members in groupby(choices, key=lambda choice: choice.group):
        yield heading, list(members)


@dataclass(frozen=True)
class Prompt:
    """One question. Without `choices` the answer is a text.

    `note` says why the question is asked again. `check` returns the reason why a text is not
    valid, or an empty string. `answered` has the questions before this one with their answers;
    `lists_answers` says that the choices show these answers already.
    """

    text: str
    choices: tuple[Choice, ...] = ()
    default: Any = None
    note: str = ""
    check: Callable[[str], str] = lambda _: ""
    answered: tuple[tuple[str, str], ...] = ()
    lists_answers: bool = False


class Asker(Protocol):
    """Asks questions on a terminal. Use it in a `with` block, which restores the terminal."""

    def __enter__(self) -> Self:
        """Prepare the terminal."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Restore the terminal."""

    def ask(self, prompt: Prompt, meanwhile: Callable[[], object]) -> Any:
        """Return the value of the selected choice, the text, or BACK.

        `meanwhile` runs once, after the question is on the screen. It ends before `ask` returns.

        Raises:
            Interrupted: the user cancelled.
            Exception: `meanwhile` raised it.
        """

    def show(self, title: str, lines: Callable[[int], list[str]]) -> None:
        """Show `lines(n)`, at most n lines, until the user has read them."""
