"""Reads and writes the work tree of a project."""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

from scaffold.git import commands as git
from scaffold.git.merge import EXECUTABLE, LINK, PLAIN, File
from scaffold.terminal.errors import Problem

_UNDER_WAY = ("MERGE_HEAD", "CHERRY_PICK_HEAD", "REVERT_HEAD", "rebase-merge", "rebase-apply")


class Worktree:
    """A project's folder and the git repository around it; paths are relative to the folder."""

    def __init__(self, folder: Path) -> None:
        """Raises a `Problem` when `folder` is not in a git repository with a commit."""
        if not git.is_installed():
            raise Problem("git is missing", "install git: it merges updates and changes")
        self.folder = folder.resolve()
        top = git.ask(self.folder, "rev-parse", "--show-toplevel")
        if top is None:
            raise Problem(
                f"{folder} is not in a git repository",
                "run `git init` and commit everything: git merges updates and changes",
            )
        self.prefix = _prefix(self.folder.relative_to(Path(top).resolve()))
        head = git.ask(self.folder, "rev-parse", "--verify", "--quiet", "HEAD")
        if head is None:
            raise Problem(f"the repository {top} has no commit", "commit everything first")
        self.head = head

    def check(self) -> None:
        """Raise a `Problem` unless everything is committed and no git operation is under way."""
        if overlooked := self._overlooked():
            names = " ".join(overlooked)
            raise Problem(
                f"git was told to ignore changes of {_some(overlooked)}",
                f"run `git update-index --no-assume-unchanged --no-skip-worktree {names}`, "
                "then commit or undo the changes",
            )
        for name in _UNDER_WAY:
            if self.git_path(name).exists():
                what = name.partition("_")[0].partition("-")[0].lower()
                raise Problem(
                    f"a {what} is in progress in {self.folder}", "finish or abort it first"
                )
        if changed := self.status():
            raise Problem(
                f"{self.folder} has changes that are not committed: {_some(changed)}",
                "commit them, or set them aside with `git stash --include-untracked`",
            )

    @cached_property
    def tree(self) -> Mapping[str, File]:
        """The files of the last commit, by path."""
        listing = git.read(self.folder, "ls-tree", "-r", "-z", "HEAD", ".").split("\0")[:-1]
        entries = [(line.partition("\t")[2], *line.split(maxsplit=3)[:3]) for line in listing]
        blobs = [entry for entry in entries if entry[2] == "blob"]
        contents = self._contents([oid for *_, oid in blobs])
        return {path: File(next(contents), mode) for path, mode, _, _ in blobs}

    def is_taken(self, path: str, leaving: Container[str] = ()) -> bool:
        """Whether something exists at a path, or a file in place of one of its folders.

        The paths in `leaving` are ignored.
        """
        file = self.folder / path
        above = file.parents[: len(Path(path).parts) - 1]
        return self._stays(file, leaving) or any(
            not _is_folder(folder) and self._stays(folder, leaving) for folder in above
        )

    def is_committed(self, path: str) -> bool:
        """Whether the file at a path has the content and the mode of the last commit.

        Git compares times and inodes instead. If only the time of a file differs, git writes the
        file again, which fails when it may not be written.
        """
        place = self.folder / path
        return (place.is_file() or place.is_symlink()) and _read(place) == self.tree.get(path)

    def status(self) -> list[str]:
        """The paths that differ from the last commit, including untracked ones."""
        options = ("--porcelain", "-z", "--no-renames", "--untracked-files=normal")
        status = git.read(self.folder, "status", *options, "--", ".")
        return [entry[3:].removeprefix(self.prefix) for entry in status.split("\0")[:-1]]

    def check_out(self, paths: Iterable[str], *options: str, index: Path | None = None) -> None:
        """Write files of the index over whatever is there now."""
        given = "".join(f"{self.prefix}{path}\0" for path in paths)
        command = ("checkout-index", "--force", "--quiet", *options, "-z", "--stdin")
        top = self.folder.joinpath(*[".." for _ in Path(self.prefix).parts]).resolve()
        git.read(top, *command, given=given, index=index)

    def with_paths(self, paths: Iterable[str], *command: str, index: Path | None = None) -> None:
        """Run a git command on these literal paths, passed on its standard input."""
        options = ("--pathspec-from-file=-", "--pathspec-file-nul")
        given = "".join(f"{path}\0" for path in paths)
        git.read(self.folder, "--literal-pathspecs", *command, *options, given=given, index=index)

    def remove(self, path: str) -> None:
        """Remove a file, and the folders that become empty."""
        file = self.folder / path
        if not _is_folder(file) and os.path.lexists(file):
            file.unlink()
        for folder in file.parents:
            if folder == self.folder or (os.path.lexists(folder) and not _is_empty(folder)):
                break
            if folder.is_dir():
                folder.rmdir()

    def git_path(self, name: str) -> Path:
        """The path of a file in the git folder, like `index` or `MERGE_HEAD`."""
        path = Path(git.read(self.folder, "rev-parse", "--git-path", name).strip())
        return path if path.is_absolute() else self.folder / path

    def _overlooked(self) -> list[str]:
        """Files that differ from the last commit, but are hidden by `git update-index` flags."""
        listed = git.read(self.folder, "ls-files", "-v", "-z").split("\0")[:-1]
        flagged = [entry[2:] for entry in listed if entry[0] == "S" or entry[0].islower()]
        there = [path for path in flagged if os.path.lexists(self.folder / path)]
        return [path for path in there if not self.is_committed(path)]

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


def write_file(place: Path, file: File) -> None:
    """Write a file with its mode, like git."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if file.mode == LINK:
        place.symlink_to(os.fsdecode(file.content))
        return
    place.write_bytes(file.content)
    mode = place.stat().st_mode
    readers = (mode & 0o444) >> 2  # whoever may read may run
    place.chmod(mode | readers if file.mode == EXECUTABLE else mode & ~0o111)


def _prefix(folder: Path) -> str:
    return "" if folder == Path() else f"{folder.as_posix()}/"


def _read(place: Path) -> File:
    """Read a file of the work tree as git would store it."""
    if place.is_symlink():
        return File(os.fsencode(place.readlink()), LINK)
    mode = EXECUTABLE if place.stat().st_mode & 0o100 else PLAIN
    return File(place.read_bytes(), mode)


def _is_folder(place: Path) -> bool:
    return place.is_dir() and not place.is_symlink()


def _is_empty(place: Path) -> bool:
    return _is_folder(place) and not any(place.iterdir())


def _some(paths: Sequence[str]) -> str:
    shown, rest = ", ".join(paths[:3]), len(paths[3:])
    return f"{shown} and {rest} more" if rest else shown
