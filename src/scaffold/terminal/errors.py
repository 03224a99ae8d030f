"""What can go wrong in words: the one family of errors that users see."""

from __future__ import annotations

from collections.abc import Iterable


class Problem(Exception):
    """Something the user can put right, told as `error: MESSAGE`, a blank line, `hint: HINT`."""

    def __init__(self, message: str, hint: str = "", exit_code: int = 2) -> None:
        """Neither text ends with a full stop; `exit_code` is what the process leaves with."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


def suggestion(word: str, known: Iterable[str], *, sentence: str) -> str:
    """A hint that names the known word nearest to `word`, if one is near, and then all of them.

    `sentence` leads to the list: `sentence="the presets are"`.
    """
    import difflib  # imported late: only a mistake needs it

    words = list(known)
    near = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    listing = f"{sentence} {listed(words)}"
    return f"did you mean '{near[0]}'? {listing[0].upper()}{listing[1:]}" if near else listing


def listed(words: list[str], last: str = "and") -> str:
    """`a, b and c`."""
    return ", ".join(words[:-1]) + f" {last} {words[-1]}" if len(words) > 1 else "".join(words)
