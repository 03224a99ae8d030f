"""Changes a work tree atomically, with a journal to restore the state before.

Changes are written like those of `git merge`: merged files into the index and the work tree, files
in conflict with markers and three stages. Before the first file is changed, a journal in the git
folder lists all paths. The state before can be restored from it, even after the process was killed.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from scaffold.git import commands as git
from scaffold.git.merge import Change, File, Outcome
from scaffold.git.worktree import Worktree, write_file
from scaffold.terminal import signals
from scaffold.terminal.errors import Problem

ABORTED = "refs/scaffold/aborted"
TRACE = ".git/scaffold/update.json"
"""Where the journal usually is, seen from the top of the repository."""
_UNTOUCHED = "everything is as it was before"


@dataclass(frozen=True)
class Journal:
    """What one update or change writes, recorded before it begins.

    `version` is the release that it leads to. Messages call it by its `title`, like `update to
    v2.0.0` or `change of database`. `command` is the one that began it, `update` or `change`.
    `touched` are the paths that it writes or removes; `added` are those that did not exist before;
    `settled` is True when everything was written.
    """

    head: str
    version: str
    command: str
    title: str
    touched: list[str]
    added: list[str]
    conflicts: list[str] = field(default_factory=list)
    settled: bool = False


class Transaction:
    """One update or change of a work tree: written as a whole, then committed or aborted."""

    def __init__(self, worktree: Worktree) -> None:
        self._worktree = worktree
        self._folder = worktree.folder
        self._state = worktree.git_path("scaffold")

    def check(self) -> None:
        """Raise a `Problem` unless everything is committed and nothing is under way."""
        if problem := self.unfinished():
            raise problem
        self._worktree.check()

    def apply(self, changes: Sequence[Change], *, version: str, command: str, title: str) -> None:
        """Write the changes into the index and the work tree, completely or not at all.

        The other parameters are recorded in the `Journal`.

        Raises:
            Problem: the project has changed since it was planned, or a file cannot be written; the
                state before was restored.
        """
        try:
            self._check_again()
        except OSError as error:
            raise _unwritten(title, error, _UNTOUCHED) from error
        written = [
            change
            for change in changes
            if change.file != self._worktree.tree.get(change.path) or _staged(change)
        ]
        journal = Journal(
            head=self._worktree.head,
            version=version,
            command=command,
            title=title,
            touched=[change.path for change in written],
            added=[change.path for change in written if change.path not in self._worktree.tree],
            conflicts=[change.path for change in changes if change.outcome is Outcome.CONFLICT],
        )
        signals.hold()
        try:
            self._note(journal)
            self._write(written)
            self._note(Journal(**{**asdict(journal), "settled": True}))
        except (OSError, Problem) as error:
            raise _unwritten(title, error, self._taken_back(journal)) from error

    def journal(self) -> Journal | None:
        """The last update or change, unless it was finished, aborted or undone."""
        try:
            noted: dict[str, Any] = json.loads((self._state / "update.json").read_text())
        except FileNotFoundError:
            return None
        journal = Journal(**noted)
        if journal.head == self._worktree.head and self._is_undone(journal):
            for path in journal.added:
                self._worktree.remove(path)  # and the empty folders, of which git knows nothing
            self._forget()
            return None
        return journal

    def unfinished(self) -> Problem | None:
        """The problem when an update or a change was neither committed nor aborted."""
        journal = self.journal()
        if journal is None or journal.head != self._worktree.head:
            return None
        return _unfinished(journal)

    def abort(self) -> tuple[str, str | None]:
        """Restore the state before the update or the change.

        The content of the changed files is kept as a commit under `refs/scaffold/aborted`.

        Returns:
            The title of what was aborted, and the short id of that commit, if there is one.

        Raises:
            Problem: there is nothing to abort, or something was committed since.
        """
        journal = self.journal()
        if journal is None:
            raise Problem("there is nothing to abort", "`git revert` undoes what was committed")
        if journal.head != self._worktree.head:
            raise self._committed(journal)
        signals.hold()
        kept = self._keep(journal)
        self._restore(journal)
        return journal.title, kept

    def unresolved(self, journal: Journal) -> list[str]:
        """The paths that are still in conflict.

        Raises:
            Problem: not all of them were written.
        """
        if not journal.settled:
            raise _cut_off(journal)
        unmerged = git.read(
            self._folder, "diff", "--name-only", "--relative", "--diff-filter=U", "-z"
        )
        marked = [path for path in journal.conflicts if _is_marked(self._folder / path)]
        return sorted({*unmerged.split("\0")[:-1], *marked})

    def finish(self, journal: Journal) -> bool:
        """Delete the journal if it was committed, and tell whether it was."""
        is_committed = journal.head != self._worktree.head
        if is_committed:
            self._forget()
        return is_committed

    def _check_again(self) -> None:
        """Check that nothing has changed while the user was reading the plan."""
        self.check()
        if git.ask(self._folder, "rev-parse", "HEAD") != self._worktree.head:
            raise Problem(
                f"something was committed to {self._folder} meanwhile", "run the command again"
            )

    def _committed(self, journal: Journal) -> Problem:
        if not self._worktree.status():
            return Problem(
                f"the {journal.title} was committed", "`git revert HEAD` undoes the last commit"
            )
        return Problem(
            f"something was committed since the {journal.title} began",
            f"`git reset --keep {journal.head[:12]}` removes the commits since; then abort again",
        )

    def _is_undone(self, journal: Journal) -> bool:
        """Whether the user has undone the update, for example by `git reset --hard`."""
        return not self._worktree.status() and not any(
            os.path.lexists(self._folder / path) for path in journal.added
        )

    def _note(self, journal: Journal) -> None:
        self._state.mkdir(parents=True, exist_ok=True)
        file = self._state / "update.json"
        draft = file.with_suffix(".draft")
        with draft.open("w") as stream:
            json.dump(asdict(journal), stream)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)

    def _write(self, changes: Sequence[Change]) -> None:
        index = self._state / "index"
        shutil.copyfile(self._worktree.git_path("index"), index)
        oids = self._store(changes)
        # A file can come where a folder was: what goes, goes first.
        ordered = sorted(changes, key=lambda change: change.file is not None)
        lines = [line for change in ordered for line in self._index_lines(change, oids)]
        git.read(
            self._folder, "update-index", "-z", "--index-info", given="".join(lines), index=index
        )
        for change in changes:
            if change.file is None:
                self._worktree.remove(change.path)
        settled = (change.path for change in changes if change.file and not _staged(change))
        self._worktree.check_out(settled, "--index", index=index)
        for change in changes:
            if (
                change.file
                and _staged(change)
                and change.file != self._worktree.tree.get(change.path)
            ):
                write_file(self._folder / change.path, change.file)
        index.replace(self._worktree.git_path("index"))

    def _store(self, changes: Sequence[Change]) -> Mapping[bytes, str]:
        """Write each content into the object store of git. Returns the ids by content."""
        contents = {
            file.content
            for change in changes
            for file in (_stages(change) if _staged(change) else [change.file])
            if file
        }
        folder = self._state / "contents"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        ordered = sorted(contents)
        files = [folder / str(number) for number in range(len(ordered))]
        for file, content in zip(files, ordered, strict=True):
            file.write_bytes(content)
        given = "".join(f"{file}\n" for file in files)
        options = ("-w", "--no-filters", "--stdin-paths")
        oids = git.read(self._folder, "hash-object", *options, given=given).split()
        shutil.rmtree(folder)
        return dict(zip(ordered, oids, strict=True))

    def _index_lines(self, change: Change, oids: Mapping[bytes, str]) -> Iterator[str]:
        path = self._worktree.prefix + change.path
        yield f"0 {'0' * 40}\t{path}\0"
        if not _staged(change):
            if change.file:
                yield f"{change.file.mode} {oids[change.file.content]}\t{path}\0"
            return
        for stage, file in enumerate(_stages(change), start=1):
            if file:
                yield f"{file.mode} {oids[file.content]} {stage}\t{path}\0"

    def _taken_back(self, journal: Journal) -> str:
        """Restore the state before a write that failed. Returns a hint about the result."""
        try:
            self._restore(journal)
        except (OSError, Problem):
            return (
                f"fix that; then `scaffold {journal.command} --abort` restores the state before it"
            )
        return _UNTOUCHED

    def _restore(self, journal: Journal) -> None:
        """Restore the state before. Write as little as possible: the disk may be full."""
        for path in journal.added:
            self._worktree.remove(path)
        if git.ask(self._folder, "diff", "--cached", "--quiet", "HEAD", "--", ".") is None:
            git.read(self._folder, "reset", "--quiet", "--", ".")
        before = [path for path in journal.touched if path not in journal.added]
        self._worktree.check_out(path for path in before if not self._worktree.is_committed(path))
        self._forget()

    def _keep(self, journal: Journal) -> str | None:
        """Commit the current content of the changed files, so that nothing is lost."""
        index = self._state / "kept-index"
        index.unlink(missing_ok=True)
        git.read(self._folder, "read-tree", "HEAD", index=index)
        there = [path for path in journal.touched if os.path.lexists(self._folder / path)]
        if not there:
            return None
        self._worktree.with_paths(there, "add", "--force", index=index)
        tree = git.read(self._folder, "write-tree", index=index).strip()
        index.unlink()
        identity = ("-c", "user.name=scaffold", "-c", "user.email=scaffold@localhost")
        earlier = git.ask(self._folder, "rev-parse", "--verify", "--quiet", ABORTED)
        parents = [word for commit in (journal.head, earlier) if commit for word in ("-p", commit)]
        message = f"The {journal.title}, aborted"
        commit = git.read(
            self._folder, *identity, "commit-tree", *parents, "-m", message, tree
        ).strip()
        git.read(self._folder, "update-ref", ABORTED, commit)
        return commit[:12]

    def _forget(self) -> None:
        (self._state / "update.json").unlink(missing_ok=True)
        shutil.rmtree(self._state, ignore_errors=True)


def _staged(change: Change) -> bool:
    """Whether the index gets three stages of it."""
    return change.outcome is Outcome.CONFLICT


def _stages(change: Change) -> list[File | None]:
    return [change.base, change.ours, change.theirs]


def _is_marked(file: Path) -> bool:
    """Whether the file still has a conflict marker."""
    content = file.read_bytes() if file.is_file() else b""
    return any(label.encode() in content for label in git.CONFLICT_LABELS)


def _unwritten(title: str, error: OSError | Problem, state: str) -> Problem:
    reason = error.message if isinstance(error, Problem) else error.strerror or str(error)
    return Problem(f"the {title} could not be written: {reason[:1].lower()}{reason[1:]}", state)


def _unfinished(journal: Journal) -> Problem:
    if not journal.settled:
        return _cut_off(journal)
    todo = "resolve the conflicts and commit" if journal.conflicts else "commit it"
    return Problem(
        f"the {journal.title} is not committed",
        f"{todo}, or `scaffold {journal.command} --abort` restores the state before it",
    )


def _cut_off(journal: Journal) -> Problem:
    """The `Problem` with one that was not written to its end."""
    return Problem(
        f"the {journal.title} was interrupted while it was written",
        f"`scaffold {journal.command} --abort` restores the state before it",
    )
