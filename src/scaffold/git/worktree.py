"""A project under the team's git: what is committed there, and how changes are put in and out.

Changes go in as `git merge` would leave them: merged files in the index and in the work tree,
files in conflict with git's markers and three stages. Before the first file is touched, a journal
in the git folder notes what is going to be touched; with it the state before comes back whatever
has happened since, be it a killed process.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from scaffold.git import commands as git
from scaffold.git.merge import EXECUTABLE, LINK, PLAIN, Change, File, Outcome
from scaffold.terminal import signals
from scaffold.terminal.errors import Problem

ABORTED = "refs/scaffold/aborted"
TRACE = ".git/scaffold/update.json"
"""Where the journal usually is, seen from the top of the repository."""
_UNTOUCHED = "everything is as it was before"
_UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")


@dataclass(frozen=True)
class Journal:
    """What one update does, noted before it begins.

    `touched` are the paths that it writes or removes, `added` those of them that were not there;
    `settled` tells that all of it was written.
    """

    head: str
    version: str
    touched: list[str]
    added: list[str]
    conflicts: list[str] = field(default_factory=list)
    settled: bool = False


class Repository:
    """The git repository around a project, seen from the project's folder."""

    def __init__(self, folder: Path) -> None:
        """Raises a `Problem` when `folder` is not in a git repository with a commit."""
        if not git.is_installed():
            raise Problem("git is missing", "install git: updates are merged by it")
        self.folder = folder.resolve()
        top = git.ask(self.folder, "rev-parse", "--show-toplevel")
        if top is None:
            raise Problem(
                f"{folder} is in no git repository",
                "updates are merged by git: `git init`, then commit everything",
            )
        self.prefix = _prefix(self.folder.relative_to(Path(top).resolve()))
        head = git.ask(self.folder, "rev-parse", "--verify", "--quiet", "HEAD")
        if head is None:
            raise Problem(f"the repository {top} has no commit", "commit everything first")
        self.head = head
        self._state = Path(git.read(self.folder, "rev-parse", "--git-path", "scaffold").strip())
        if not self._state.is_absolute():
            self._state = self.folder / self._state

    def check(self) -> None:
        """Raise a `Problem` unless everything is committed and nothing is under way."""
        if problem := self.unfinished():
            raise problem
        if overlooked := self._overlooked():
            names = " ".join(overlooked)
            raise Problem(
                f"git overlooks changes of {_some(overlooked)}",
                f"`git update-index --no-assume-unchanged --no-skip-worktree {names}`, "
                "then commit or undo them",
            )
        for name in _UNDER_WAY:
            if (self._git_path(name)).exists():
                what = name.partition("_")[0].partition("-")[0].lower()
                raise Problem(f"a {what} is under way in {self.folder}", "finish or abort it first")
        if changed := self._status():
            raise Problem(
                f"{self.folder} has changes that are not committed: {_some(changed)}",
                "commit them, or set them aside with `git stash --include-untracked`",
            )

    @cached_property
    def tree(self) -> Mapping[str, File]:
        """Every file of the project as it was committed last, by path from the project's folder."""
        listing = git.read(self.folder, "ls-tree", "-r", "-z", "HEAD", ".").split("\0")[:-1]
        entries = [(line.partition("\t")[2], *line.split(maxsplit=3)[:3]) for line in listing]
        blobs = [entry for entry in entries if entry[2] == "blob"]
        contents = self._contents([oid for *_, oid in blobs])
        return {path: File(next(contents), mode) for path, mode, _, _ in blobs}

    def is_taken(self, path: str, leaving: Container[str] = ()) -> bool:
        """Whether something lies at a path, or a file where one of its folders must be.

        The paths that are `leaving` do not count.
        """
        file = self.folder / path
        above = file.parents[: len(Path(path).parts) - 1]
        return self._stays(file, leaving) or any(
            not _is_folder(folder) and self._stays(folder, leaving) for folder in above
        )

    def apply(self, changes: Sequence[Change], version: str) -> None:
        """Put the changes into the index and the work tree, all of them or none.

        Raises:
            Problem: somebody has worked on since, or a file cannot be written; everything is as it
                was before.
        """
        try:
            self._check_again()
        except OSError as error:
            raise _unwritten(error, _UNTOUCHED) from error
        written = [
            change
            for change in changes
            if change.file != self.tree.get(change.path) or _staged(change)
        ]
        journal = Journal(
            head=self.head,
            version=version,
            touched=[change.path for change in written],
            added=[change.path for change in written if change.path not in self.tree],
            conflicts=[change.path for change in changes if change.outcome is Outcome.CONFLICT],
        )
        signals.hold()
        try:
            self._note(journal)
            self._write(written)
            self._note(Journal(**{**asdict(journal), "settled": True}))
        except (OSError, Problem) as error:
            raise _unwritten(error, self._taken_back(journal)) from error

    def journal(self) -> Journal | None:
        """The update that was begun last, unless it is finished, taken back or undone."""
        try:
            noted: dict[str, Any] = json.loads((self._state / "update.json").read_text())
        except FileNotFoundError:
            return None
        journal = Journal(**noted)
        if journal.head == self.head and self._is_undone(journal):
            for path in journal.added:
                self._remove(path)  # and the empty folders, of which git knows nothing
            self._forget()
            return None
        return journal

    def unfinished(self) -> Problem | None:
        """What is wrong when an update was neither committed nor taken back."""
        journal = self.journal()
        if journal is None or journal.head != self.head:
            return None
        return _unfinished(journal)

    def abort(self) -> str | None:
        """Give back the state before the update.

        What the touched files held is kept as a commit under `refs/scaffold/aborted`.

        Returns:
            The short id of that commit.

        Raises:
            Problem: there is no update to take back, or it has been committed.
        """
        journal = self.journal()
        if journal is None:
            raise Problem(
                "there is no unfinished update to take back",
                "`git revert` takes back an update that was committed",
            )
        if journal.head != self.head:
            raise Problem(
                "something was committed since the update began",
                f"`git reset --keep {journal.head[:12]}` goes back to the commit before it; then "
                "abort again",
            )
        signals.hold()
        kept = self._keep(journal)
        self._restore(journal)
        return kept

    def unresolved(self, journal: Journal) -> list[str]:
        """The paths that an update left in conflict and that nobody has resolved."""
        unmerged = git.read(
            self.folder, "diff", "--name-only", "--relative", "--diff-filter=U", "-z"
        )
        marked = [path for path in journal.conflicts if _is_marked(self.folder / path)]
        return sorted({*unmerged.split("\0")[:-1], *marked})

    def finish(self) -> None:
        """Forget the update: it is resolved."""
        self._forget()

    def _check_again(self) -> None:
        """A plan may be read for an hour before it is agreed on."""
        self.check()
        if git.ask(self.folder, "rev-parse", "HEAD") != self.head:
            raise Problem(
                f"something was committed to {self.folder} meanwhile", "run the command again"
            )

    def _status(self) -> list[str]:
        options = ("--porcelain", "-z", "--no-renames", "--untracked-files=normal")
        status = git.read(self.folder, "status", *options, "--", ".")
        return [entry[3:].removeprefix(self.prefix) for entry in status.split("\0")[:-1]]

    def _is_undone(self, journal: Journal) -> bool:
        """Whether everything is as it was committed, be it by `git reset --hard`."""
        return not self._status() and not any(
            os.path.lexists(self.folder / path) for path in journal.added
        )

    def _overlooked(self) -> list[str]:
        """Files that differ from the commit, although somebody told git not to look."""
        listed = git.read(self.folder, "ls-files", "-v", "-z").split("\0")[:-1]
        flagged = [entry[2:] for entry in listed if entry[0] == "S" or entry[0].islower()]
        there = [path for path in flagged if os.path.lexists(self.folder / path)]
        return [path for path in there if _read(self.folder / path) != self.tree.get(path)]

    def _contents(self, oids: Sequence[str]) -> Iterator[bytes]:
        output = git.read_bytes(self.folder, "cat-file", "--batch", given="\n".join(oids) + "\n")
        start = 0
        for _ in oids:
            line_end = output.index(b"\n", start)
            size = int(output[start:line_end].rsplit(b" ", 1)[1])
            yield output[line_end + 1 : line_end + 1 + size]
            start = line_end + 1 + size + 1

    def _stays(self, place: Path, leaving: Container[str]) -> bool:
        if _is_folder(place):
            entries = list(place.iterdir())
            return not entries or any(self._stays(entry, leaving) for entry in entries)
        return os.path.lexists(place) and place.relative_to(self.folder).as_posix() not in leaving

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
        shutil.copyfile(self._git_path("index"), index)
        oids = self._store(changes)
        # A file can come where a folder was: what goes, goes first.
        ordered = sorted(changes, key=lambda change: change.file is not None)
        lines = [line for change in ordered for line in self._index_lines(change, oids)]
        git.read(
            self.folder, "update-index", "-z", "--index-info", given="".join(lines), index=index
        )
        for change in changes:
            if change.file is None:
                self._remove(change.path)
        settled = (change.path for change in changes if change.file and not _staged(change))
        self._check_out(settled, "--index", index=index)
        for change in changes:
            if change.file and _staged(change) and change.file != self.tree.get(change.path):
                _put(self.folder / change.path, change.file)
        index.replace(self._git_path("index"))

    def _store(self, changes: Sequence[Change]) -> Mapping[bytes, str]:
        """Put every content that the index will name into git; gives the ids."""
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
        oids = git.read(self.folder, "hash-object", *options, given=given).split()
        shutil.rmtree(folder)
        return dict(zip(ordered, oids, strict=True))

    def _index_lines(self, change: Change, oids: Mapping[bytes, str]) -> Iterator[str]:
        path = self.prefix + change.path
        yield f"0 {'0' * 40}\t{path}\0"
        if not _staged(change):
            if change.file:
                yield f"{change.file.mode} {oids[change.file.content]}\t{path}\0"
            return
        for stage, file in enumerate(_stages(change), start=1):
            if file:
                yield f"{file.mode} {oids[file.content]} {stage}\t{path}\0"

    def _taken_back(self, journal: Journal) -> str:
        """Restore the state before an update that failed, and tell how that went."""
        try:
            self._restore(journal)
        except (OSError, Problem):
            return "remedy that; then `scaffold update --abort` gives back the state before it"
        return _UNTOUCHED

    def _restore(self, journal: Journal) -> None:
        """Write no more than must be: there may be no room but what the update took."""
        for path in journal.added:
            self._remove(path)
        if git.ask(self.folder, "diff", "--cached", "--quiet", "HEAD", "--", ".") is None:
            git.read(self.folder, "reset", "--quiet", "--", ".")
        self._check_out(path for path in journal.touched if path not in journal.added)
        self._forget()

    def _check_out(self, paths: Iterable[str], *options: str, index: Path | None = None) -> None:
        """Write files of the index, whatever is there now."""
        given = "".join(f"{self.prefix}{path}\0" for path in paths)
        command = ("checkout-index", "--force", "--quiet", *options, "-z", "--stdin")
        top = self.folder.joinpath(*[".." for _ in Path(self.prefix).parts]).resolve()
        git.read(top, *command, given=given, index=index)

    def _keep(self, journal: Journal) -> str | None:
        """Commit what the touched files hold now, out of the way, so that no word is lost."""
        index = self._state / "kept-index"
        index.unlink(missing_ok=True)
        git.read(self.folder, "read-tree", "HEAD", index=index)
        there = [path for path in journal.touched if os.path.lexists(self.folder / path)]
        if not there:
            return None
        self._pathspecs(there, "add", "--force", index=index)
        tree = git.read(self.folder, "write-tree", index=index).strip()
        index.unlink()
        identity = ("-c", "user.name=scaffold", "-c", "user.email=scaffold@localhost")
        earlier = git.ask(self.folder, "rev-parse", "--verify", "--quiet", ABORTED)
        parents = [word for commit in (journal.head, earlier) if commit for word in ("-p", commit)]
        message = f"The update to {journal.version}, aborted"
        commit = git.read(
            self.folder, *identity, "commit-tree", *parents, "-m", message, tree
        ).strip()
        git.read(self.folder, "update-ref", ABORTED, commit)
        return commit[:12]

    def _pathspecs(self, paths: Iterable[str], *command: str, index: Path | None = None) -> None:
        options = ("--pathspec-from-file=-", "--pathspec-file-nul")
        given = "".join(f"{path}\0" for path in paths)
        git.read(self.folder, "--literal-pathspecs", *command, *options, given=given, index=index)

    def _remove(self, path: str) -> None:
        """Remove a file, and the folders that it leaves empty."""
        file = self.folder / path
        if not _is_folder(file) and os.path.lexists(file):
            file.unlink()
        for folder in file.parents:
            if folder == self.folder or (os.path.lexists(folder) and not _is_empty(folder)):
                break
            if folder.is_dir():
                folder.rmdir()

    def _git_path(self, name: str) -> Path:
        path = Path(git.read(self.folder, "rev-parse", "--git-path", name).strip())
        return path if path.is_absolute() else self.folder / path

    def _forget(self) -> None:
        (self._state / "update.json").unlink(missing_ok=True)
        shutil.rmtree(self._state, ignore_errors=True)


def _prefix(folder: Path) -> str:
    return "" if folder == Path() else f"{folder.as_posix()}/"


def _is_folder(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink()


def _is_empty(place: Path) -> bool:
    return _is_folder(place) and not any(place.iterdir())


def _read(place: Path) -> File:
    """A file of the work tree as git would store it."""
    if place.is_symlink():
        return File(os.fsencode(place.readlink()), LINK)
    mode = EXECUTABLE if place.stat().st_mode & 0o100 else PLAIN
    return File(place.read_bytes(), mode)


def _put(place: Path, file: File) -> None:
    """Write a file as git would."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if file.mode == LINK:
        place.symlink_to(os.fsdecode(file.content))
        return
    place.write_bytes(file.content)
    mode = place.stat().st_mode
    readers = (mode & 0o444) >> 2  # whoever may read may run
    place.chmod(mode | readers if file.mode == EXECUTABLE else mode & ~0o111)


def _staged(change: Change) -> bool:
    """Whether the index is to hold three versions of it."""
    return change.outcome is Outcome.CONFLICT


def _stages(change: Change) -> list[File | None]:
    return [change.base, change.ours, change.theirs]


def _is_marked(file: Path) -> bool:
    """Whether one of the lines by which git tells the sides apart is still there."""
    content = file.read_bytes() if file.is_file() else b""
    return any(label.encode() in content for label in git.CONFLICT_LABELS)


def _unwritten(error: OSError | Problem, state: str) -> Problem:
    reason = error.message if isinstance(error, Problem) else error.strerror or str(error)
    return Problem(f"the update could not be written: {reason[:1].lower()}{reason[1:]}", state)


def _unfinished(journal: Journal) -> Problem:
    if not journal.settled:
        return Problem(
            f"an update to {journal.version} was cut off half way",
            "`scaffold update --abort` gives back the state before it",
        )
    return Problem(
        f"the update to {journal.version} is not finished",
        "resolve it and commit, or `scaffold update --abort` gives back the state before it",
    )


def _some(paths: Sequence[str]) -> str:
    shown, rest = ", ".join(paths[:3]), len(paths[3:])
    return f"{shown} and {rest} more" if rest else shown
