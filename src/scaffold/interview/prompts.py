"""What the wizard asks, apart from how it is shown: on a screen that redraws, or line by line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Protocol, Self

BACK: Final[Any] = object()
"""What an asker gives instead of an answer when the user wants the question before."""


@dataclass(frozen=True)
class Choice:
    """`meaning` explains it in one line; with a `refusal`, the reason, it cannot be taken."""

    value: Any
    label: str
    meaning: str = ""
    refusal: str = ""

    @property
    def explanation(self) -> str:
        """What stands beside the label."""
        if not self.refusal:
            return self.meaning
        return (
            f"{self.meaning} ({self.refusal})" if self.meaning else f"unavailable: {self.refusal}"
        )


@dataclass(frozen=True)
class Prompt:
    """One question; without `choices` it is answered with a text.

    `note` says why it is asked again. `check` gives the reason why a text cannot be taken, or
    nothing. `settled` are the questions before it with their answers; `tells_all` says that the
    choices repeat them.
    """

    text: str
    choices: tuple[Choice, ...] = ()
    default: Any = None
    note: str = ""
    check: Callable[[str], str] = lambda _: ""
    settled: tuple[tuple[str, str], ...] = ()
    tells_all: bool = False


class Asker(Protocol):
    """Puts questions to a person. Used in a `with` block, which leaves the terminal as it was."""

    def __enter__(self) -> Self:
        """Begin to ask."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop asking, for whatever reason."""

    def ask(self, prompt: Prompt, meanwhile: Callable[[], object]) -> Any:
        """The value of a choice, a text, or BACK; `meanwhile` is called once the question is seen.

        Raises:
            Interrupted: the user gave up.
        """

    def show(self, title: str, lines: Callable[[int], list[str]]) -> None:
        """Show `lines(n)`, which are at most n, until the user has read them."""
