"""Merges the change between two renderings of a template into the files of a project.

The functions are pure: they get files as bytes and return decisions. What the team wrote is never
dropped: where the template and the team disagree, the file stays, and the decision has a reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

PLAIN, EXECUTABLE, LINK = "100644", "100755", "120000"
_MARKERS = (b"<" * 7, b">" * 7)


@dataclass(frozen=True)
class File:
    """A file as git stores it; `mode` is `100644`, `100755`, or that of a link."""

    content: bytes
    mode: str = PLAIN

    @property
    def is_text(self) -> bool:
        """Whether its lines can be merged."""
        return self.mode in (PLAIN, EXECUTABLE) and b"\0" not in self.content


Files = Mapping[str, File]


class Outcome(StrEnum):
    """The result for one file."""

    ADDED = "added"
    CHANGED = "changed"
    MERGED = "merged"
    """The template and the team changed different lines."""
    MOVED = "moved"
    """The template has renamed it; its content is that of the team."""
    REMOVED = "removed"
    KEPT = "kept"
    """The file of the team stays: the template has dropped it, or has something else there."""
    ABSENT = "absent"
    """The team has deleted it; it stays deleted, although the template has changed it."""
    CONFLICT = "conflict"
    """The template and the team changed the same lines."""


class Change(NamedTuple):
    """The decision for one path; `file` is the result, None when there will be no file.

    `base`, `ours` and `theirs` are the three versions that it came from: the old rendering, the
    team's, the new rendering.
    """

    path: str
    outcome: Outcome
    file: File | None
    base: File | None = None
    ours: File | None = None
    theirs: File | None = None
    reason: str = ""


MergeText = Callable[[bytes, bytes, bytes], tuple[bytes, bool]]
"""Merges (ours, base, theirs). Returns the text and whether it has conflict markers."""


def merge(
    base: Files, ours: Files, theirs: Files, merge_text: MergeText, moves: Mapping[str, str]
) -> list[Change]:
    """Decide on each path that the template has changed, unless the team has made the same change.

    `moves` maps the paths that the template has renamed, old to new. When the team has a file at
    both paths, they are treated as a removed file and an added one.
    """
    moves = {
        old: new
        for old, new in moves.items()
        if old in base and new not in base and not (old in ours and new in ours)
    }
    moves_of_ours = {old: new for old, new in moves.items() if old in ours}
    changes = {
        change.path: change
        for change in _merged(_moved(base, moves), _moved(ours, moves_of_ours), theirs, merge_text)
    }
    for old, new in moves_of_ours.items():
        file = ours[old]
        changes.setdefault(new, Change(new, Outcome.MOVED, file, file, file, file))
        changes[old] = Change(old, Outcome.REMOVED, None, file, file, None, f"moved to {new}")
    return [changes[path] for path in sorted(changes)]


def has_markers(content: bytes) -> bool:
    """Whether a text has the conflict markers of git."""
    return all(re.search(rb"^" + mark + rb" ", content, re.MULTILINE) for mark in _MARKERS)


def _moved(tree: Files, moves: Mapping[str, str]) -> Files:
    return {moves.get(path, path): file for path, file in tree.items()}


def _merged(base: Files, ours: Files, theirs: Files, merge_text: MergeText) -> Iterator[Change]:
    staying = {path for path, file in ours.items() if path in theirs or base.get(path) != file}
    folders = _folders(staying)
    for path in sorted(base.keys() | theirs.keys()):
        old, own, new = base.get(path), ours.get(path), theirs.get(path)
        if new in (old, own):
            continue
        if own is None and new and (obstacle := _obstacle(path, staying, folders)):
            reason = f"{obstacle} is in the way of a new file of the template"
            yield Change(path, Outcome.KEPT, None, old, own, new, reason)
        elif own == old:
            yield Change(path, _plain_outcome(old, new), new, old, own, new)
        else:
            yield _reconciled(path, old, own, new, merge_text)


def _plain_outcome(old: File | None, new: File | None) -> Outcome:
    if old is None:
        return Outcome.ADDED
    return Outcome.CHANGED if new else Outcome.REMOVED


def _reconciled(
    path: str, old: File | None, own: File | None, new: File | None, merge_text: MergeText
) -> Change:
    """Decide on a file that the template and the team have changed in different ways."""
    if own is None:
        reason = "you deleted it; the template has changed it"
        return Change(path, Outcome.ABSENT, None, old, own, new, reason)
    if new is None:
        reason = "you changed it; the template has dropped it"
        return Change(path, Outcome.KEPT, own, old, own, new, reason)
    if not (own.is_text and new.is_text and (old is None or old.is_text)):
        reason = "it is no text: yours stays, the template's is stage 3 in the index"
        return Change(path, Outcome.CONFLICT, own, old, own, new, reason)
    text, has_markers = merge_text(own.content, old.content if old else b"", new.content)
    mode = new.mode if old and own.mode == old.mode else own.mode
    outcome = Outcome.CONFLICT if has_markers else Outcome.MERGED
    return Change(path, outcome, File(text, mode), old, own, new)


def _folders(paths: Collection[str]) -> set[str]:
    """All folders above the paths."""
    return {path[:end] for path in paths for end in range(len(path)) if path[end] == "/"}


def _obstacle(path: str, files: Collection[str], folders: set[str]) -> str | None:
    """What prevents a file at the path: a folder, or a file in place of one of its folders."""
    if path in folders:
        return f"the folder {path}"
    above = (path[:end] for end in range(len(path)) if path[end] == "/")
    return next((f"the file {folder}" for folder in above if folder in files), None)
