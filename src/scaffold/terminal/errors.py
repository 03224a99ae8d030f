"""The errors that users see, and the exit codes of the commands."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum

_CUTOFF = 0.7
_SHORTEST_PREFIX = 3


class ExitCode(IntEnum):
    """What a command ends with. After a signal it is 128 plus the number of the signal."""

    OK = 0
    NEEDS_USER = 1  # done, and something is left for the user; or a check has failed
    REFUSED = 2  # the input is wrong, or the state does not allow it; nothing was changed
    BEHIND = 3  # `update --check` found a newer release
    INTERNAL = 70  # EX_SOFTWARE of sysexits.h: a bug in scaffold itself


class Problem(Exception):
    """An error that the user can fix, told as `error: MESSAGE`, a blank line, `hint: HINT`."""

    def __init__(self, message: str, hint: str = "", exit_code: int = ExitCode.REFUSED) -> None:
        """Neither text ends with a full stop; `exit_code` is what the process ends with."""
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = int(exit_code)


def suggestion(word: str, known: Iterable[str], *, sentence: str) -> str:
    """A hint that names the known word closest to `word`, if one is close, and then all of them.

    `sentence` introduces the list: `sentence="the presets are"`.
    """
    words = list(known)
    close = _closest(word, words)
    listing = f"{sentence} {listed(words)}"
    return f"did you mean '{close}'? {listing[0].upper()}{listing[1:]}" if close else listing


def listed(words: list[str], last: str = "and") -> str:
    """`a, b and c`."""
    return ", ".join(words[:-1]) + f" {last} {words[-1]}" if len(words) > 1 else "".join(words)


def _closest(word: str, known: list[str]) -> str | None:
    """A word that `word` abbreviates, else one with the same letters, else a similar one."""
    import difflib  # imported late: only a mistake needs it

    # A ratio says little of short words: `nwe` and `new` have the same one as `no` and `none`.
    abbreviated = [k for k in known if len(word) >= _SHORTEST_PREFIX and k.startswith(word)]
    swapped = [k for k in known if sorted(k) == sorted(word)]
    similar = difflib.get_close_matches(word, known, n=1, cutoff=_CUTOFF)
    return next(iter([*abbreviated, *swapped, *similar]), None)
