"""The standard edits of a team: one of every kind, chosen by what the next release will do.

Nothing here knows how updates work: an edit knows what it did to a project, and whether that is
still there.
"""

from __future__ import annotations

import difflib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial
from itertools import count
from pathlib import Path

from scaffold.git.merge import EXECUTABLE, PLAIN, File
from tests.tool.conftest import commit, git
from tests.updates.projects import ANSWERS_FILE

Tree = Mapping[str, File]
LINK = "120000"


class Verdict(StrEnum):
    """What an update has made of an edit."""

    AS_IT_WAS = "as it was"
    """The file holds what the team committed, byte for byte."""
    MERGED = "merged"
    """The file has the edit and what the template changed elsewhere."""
    CONFLICT = "in conflict"
    """The edit stands in the file beside the template's lines, and git knows."""
    LOST = "lost"


@dataclass
class Edit:
    """What somebody did to the file at `path`; after a rename that is the new one."""

    kind: str
    path: str
    base: File | None = None
    committed: File | None = None


@dataclass
class Team:
    """Works on one project, from what it is to what the template will make of it."""

    project: Path
    base: Tree
    theirs: Tree
    moves: Mapping[str, str]
    turn: int = 0
    edits: list[Edit] = field(default_factory=list)
    _taken: set[str] = field(default_factory=set)
    _number: Iterator[int] = field(default_factory=count)

    def work(self) -> list[Edit]:
        """Make all edits and commit them; gives the edits."""
        self._on_changed_files()
        self._on_dropped_files()
        self._on_moved_files()
        self._on_quiet_files()
        self._in_the_way_of_new_files()
        self._own_files()
        # Whatever is in the way of a new file may be ignored by git: it is part of no commit.
        commit(self.project, "Our edits")
        for edit in self.edits:
            edit.committed = self._read(edit.path)
        return self.edits

    def verdict(self, edit: Edit, conflicts: set[str]) -> Verdict:
        """Whether an edit is still there; `conflicts` are the paths that git knows as such."""
        path = self.place(edit.path)
        found = self._read(path)
        if found == edit.committed:
            return Verdict.AS_IT_WAS
        if found is None or edit.committed is None or not _has_lines_of(edit, found):
            return Verdict.LOST
        if _is_executable_by_choice(edit) and found.mode != edit.committed.mode:
            return Verdict.LOST
        return Verdict.CONFLICT if path in conflicts else Verdict.MERGED

    def place(self, path: str) -> str:
        """Where a file of the team is now: the template may have moved it."""
        target = self.moves.get(path)
        moved = target and not os.path.lexists(self.project / path)
        return str(target) if moved else path

    @property
    def touched(self) -> set[str]:
        """Every path with an edit, at its old and at its new place."""
        edited = {edit.path for edit in self.edits} | self._taken
        return edited | {self.moves[path] for path in edited if path in self.moves}

    def _on_changed_files(self) -> None:
        """Texts that the template changes: on its change, next to it, far away, all at once."""
        changed = [
            path
            for path in self.base
            if path in self.theirs and self.base[path].content != self.theirs[path].content
        ]
        texts = [path for path in self._turned(changed) if self.base[path].is_text]
        chores: list[tuple[str, Callable[[str], None]]] = [
            ("on the template's change", lambda path: self._replace(path, self._change(path))),
            ("next to the template's change", self._before_the_change),
            ("far from the template's change", lambda path: self._insert(path, 0)),
            ("at the end", lambda path: self._insert(path, None)),
            ("deleted", self._delete),
            ("a line removed", lambda path: self._drop_line(path, self._change(path))),
            ("renamed", self._rename),
            ("lines end with CRLF", self._crlf),
            ("no newline at the end", self._cut),
            ("a link instead", self._link),
            ("another mode", self._flip),
        ]
        for path, (kind, chore) in zip(texts, chores * 2, strict=False):
            self._do(kind, path, chore)
        binaries = [path for path in changed if not self.base[path].is_text]
        for path in binaries:
            self._do("binary", path, lambda path: self._put(path, b"\x89PNG\0ours"))
        modes = [
            path
            for path in self.base
            if path in self.theirs and self.base[path].mode != self.theirs[path].mode
        ]
        for path in modes[self.turn % 2 :: 2]:
            self._do("where the template changes the mode", path, lambda p: self._insert(p, None))

    def _on_dropped_files(self) -> None:
        dropped = self._turned(
            [p for p in self.base if p not in self.theirs and p not in self.moves]
        )
        chores: list[tuple[str, Callable[[str], None]]] = [
            ("changed, and dropped by the template", lambda path: self._insert(path, 3)),
            ("deleted", self._delete),
            ("renamed, and dropped by the template", self._rename),
            ("another mode", self._flip),
        ]
        for path, (kind, chore) in zip(dropped, chores, strict=False):
            self._do(kind, path, chore)

    def _on_moved_files(self) -> None:
        moved = self._turned([path for path in self.moves if path in self.base])
        chores: list[tuple[str, Callable[[str], None]]] = [
            ("changed, and moved by the template", lambda path: self._insert(path, 1)),
            ("at the end, and moved by the template", lambda path: self._insert(path, None)),
            ("deleted", self._delete),
            ("another mode", self._flip),
            ("where the template moves a file", self._occupy),
        ]
        for path, (kind, chore) in zip(moved, chores, strict=False):
            self._do(kind, path, chore)

    def _on_quiet_files(self) -> None:
        """Files on which the template does nothing."""
        quiet = self._turned(
            [path for path in self.base if self.base[path] == self.theirs.get(path)]
        )
        texts = [path for path in quiet if self.base[path].is_text and self.base[path].content]
        chores: list[tuple[str, Callable[[str], None]]] = [
            ("changed", lambda path: self._insert(path, 0)),
            ("changed", lambda path: self._insert(path, None)),
            ("deleted", self._delete),
            ("renamed", self._rename),
            ("another mode", self._flip),
            ("lines end with CRLF", self._crlf),
            ("a link instead", self._link),
        ]
        for path, (kind, chore) in zip(texts, chores, strict=False):
            self._do(kind, path, chore)
        named = [p for p in texts if b"shop" in self.base[p].content and p not in self._taken]
        for path in named[:2]:
            line = next(n for n, text in enumerate(_lines(self.base[path])) if b"shop" in text)
            self._do("next to an answer", path, partial(self._insert, line=line))

    def _in_the_way_of_new_files(self) -> None:
        arrived = {self.moves[path] for path in self.moves}
        added = self._turned([p for p in self.theirs if p not in self.base and p not in arrived])
        chores: list[tuple[str, Callable[[str], None]]] = [
            ("own file at the path of a new one", self._own),
            ("the same file as the new one", self._same),
            ("ignored file at the path of a new one", self._ignored),
            ("folder at the path of a new file", lambda path: self._own(f"{path}/ours.txt")),
            ("file where a folder must be", self._own_above),
        ]
        for path, (kind, chore) in zip(added, chores, strict=False):
            if self._read(str(Path(path).parent)) is None:
                self._do(kind, path, chore)

    def _own_files(self) -> None:
        for path in (
            "src/app/ours.py",
            "docs/operations/ours.md",
            f"{ANSWERS_FILE}.ours",
            "docs/unsere Übersicht.md",
            "a space and 'quotes\".txt",
            "docs/operations/-dash.txt",
        ):
            self._do("new", path, self._own)
        self._do(
            "new link", "docs/link.md", lambda path: (self.project / path).symlink_to("api.md")
        )
        self._do("new binary", "ours.bin", lambda path: self._put(path, bytes(range(256))))

    def _do(self, kind: str, path: str, chore: Callable[[str], None]) -> None:
        if path in self._taken:
            return
        self._taken.add(path)
        known = len(self.edits)
        chore(path)
        if len(self.edits) == known:
            self.edits.append(Edit(kind, path))
        for edit in self.edits[known:]:
            edit.kind, edit.base = kind, self.base.get(edit.path, edit.base)

    def _turned(self, paths: list[str]) -> list[str]:
        """Other files for other teams."""
        free = [path for path in sorted(paths) if path not in self._taken | {ANSWERS_FILE}]
        start = self.turn * 5 % len(free) if free else 0
        return free[start:] + free[:start]

    def _word(self) -> bytes:
        return b"Ours: number %d of team %d.\n" % (next(self._number), self.turn)

    def _change(self, path: str) -> int:
        """The first line that the template changes."""
        old, new = _lines(self.base[path]), _lines(self.theirs[path])
        matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
        changed = [op for op in matcher.get_opcodes() if op[0] != "equal"]
        return min(changed[0][1], len(old) - 1)

    def _before_the_change(self, path: str) -> None:
        line = self._change(path)
        self._replace(path, line - 1 if line else line)

    def _replace(self, path: str, line: int) -> None:
        lines = _lines(self.base[path])
        self._put(path, b"".join([*lines[:line], self._word(), *lines[line + 1 :]]))

    def _insert(self, path: str, line: int | None) -> None:
        lines = _lines(self.base[path])
        at = len(lines) if line is None else line
        self._put(path, b"".join([*lines[:at], self._word(), *lines[at:]]))

    def _drop_line(self, path: str, line: int) -> None:
        lines = _lines(self.base[path])
        self._put(path, b"".join([*lines[:line], *lines[line + 1 :]]))

    def _crlf(self, path: str) -> None:
        self._put(path, self.base[path].content.replace(b"\n", b"\r\n"))

    def _cut(self, path: str) -> None:
        self._put(path, self.base[path].content + self._word().rstrip())

    def _delete(self, path: str) -> None:
        (self.project / path).unlink()

    def _rename(self, path: str) -> None:
        target = f"{path}.ours"
        git(self.project, "mv", path, target)
        base = self.base[path]
        (self.project / target).write_bytes(base.content + self._word())
        self.edits += [Edit("", target, base), Edit("", path)]

    def _link(self, path: str) -> None:
        (self.project / path).unlink()
        (self.project / path).symlink_to("somewhere/else")

    def _flip(self, path: str) -> None:
        (self.project / path).chmod(0o644 if self.base[path].mode == EXECUTABLE else 0o755)

    def _occupy(self, path: str) -> None:
        """A change of a file, and a file of one's own where the template will move it."""
        self._insert(path, 2)
        self._own(self.moves[path])
        self.edits += [Edit("", path), Edit("", self.moves[path])]

    def _own(self, path: str) -> None:
        self._put(path, self._word() * 2)
        self.edits.append(Edit("", path))

    def _own_above(self, path: str) -> None:
        folder = next((f for f in Path(path).parents if not (self.project / f).exists()), None)
        self._own(str(folder or path))

    def _same(self, path: str) -> None:
        self._put(path, self.theirs[path].content)

    def _ignored(self, path: str) -> None:
        self._own(path)
        with (self.project / ".git/info/exclude").open("a") as ignored:
            ignored.write(f"/{path}\n")

    def _put(self, path: str, content: bytes) -> None:
        file = self.project / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def _read(self, path: str) -> File | None:
        file = self.project / path
        if file.is_symlink():
            return File(os.fsencode(file.readlink()), LINK)
        if not file.is_file():
            return None
        return File(file.read_bytes(), EXECUTABLE if file.stat().st_mode & 0o100 else PLAIN)


def _has_lines_of(edit: Edit, found: File) -> bool:
    """Whether every line that somebody wrote is there, and every line they removed is not."""
    assert edit.committed is not None
    if not edit.committed.is_text or not found.is_text:
        return False
    old = Counter(_lines(edit.base, bare=True) if edit.base else [])
    own, new = Counter(_lines(edit.committed, bare=True)), Counter(_lines(found, bare=True))
    return not ((own - old) - new) and (edit.kind != "a line removed" or not _came_back(edit, new))


def _came_back(edit: Edit, new: Counter[bytes]) -> bool:
    """Whether removed lines are there again, without git's marks of a conflict."""
    assert edit.base and edit.committed
    removed = Counter(_lines(edit.base)) - Counter(_lines(edit.committed))
    marked = any(line.startswith(b"<<<<<<< ") for line in new)
    return not marked and any(new[line.rstrip(b"\n")] > 0 for line in removed if line.strip())


def _is_executable_by_choice(edit: Edit) -> bool:
    assert edit.committed is not None
    return edit.base is None or edit.base.mode != edit.committed.mode


def _lines(file: File, *, bare: bool = False) -> list[bytes]:
    lines = file.content.splitlines(keepends=True)
    return [line.rstrip(b"\n") for line in lines] if bare else lines
