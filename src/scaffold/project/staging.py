"""Creates a folder atomically: completely or not at all."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scaffold.terminal import signals
from scaffold.terminal.errors import Problem


def check(destination: Path) -> None:
    """Raise a `Problem` unless `destination` is missing or an empty folder."""
    try:
        if destination.is_symlink() or (destination.exists() and not destination.is_dir()):
            kind = "link" if destination.is_symlink() else "file"
            raise Problem(f"{destination} is in the way: it is a {kind}", "choose another name")
        if destination.is_dir() and any(destination.iterdir()):
            raise Problem(f"{destination} is not empty", "choose another name, or empty it first")
    except OSError as error:
        raise _refused(destination, error) from error


@contextmanager
def staged(destination: Path) -> Iterator[Path]:
    """A hidden folder to fill; it is renamed to `destination` when the block succeeds.

    When the block fails, the folder and the parents that were created for it are removed. An empty
    folder at `destination` is filled, not replaced: it may be the current folder of the shell or a
    mount point.

    Raises:
        Problem: the folder cannot be written.
    """
    existed = destination.is_dir()
    parents = _missing(destination.parent)
    staging = (destination if existed else destination.parent) / (
        f".{destination.name}-{secrets.token_hex(4)}"
    )
    try:
        for parent in parents:
            parent.mkdir(exist_ok=True)
        staging.mkdir()
        yield staging
        signals.hold()
        if existed:
            _move_up(staging)
        else:
            staging.rename(destination)
    except BaseException as error:
        signals.hold()
        _remove(staging, parents)
        # After a signal, the error comes from code that was interrupted: the disk is not to blame.
        if isinstance(error, OSError) and not signals.received():
            raise _refused(destination, error) from error
        raise


def _missing(folder: Path) -> list[Path]:
    """The folders above `folder` that do not exist yet, outermost first."""
    missing: list[Path] = []
    while not folder.exists():
        missing.insert(0, folder)
        folder = folder.parent
    return missing


def _move_up(staging: Path) -> None:
    moved: list[Path] = []
    try:
        moved.extend(entry.rename(staging.parent / entry.name) for entry in list(staging.iterdir()))
        staging.rmdir()
    except OSError:
        for entry in moved:  # extend keeps what came before the error
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        raise


def _remove(staging: Path, parents: list[Path]) -> None:
    shutil.rmtree(staging, ignore_errors=True)
    for parent in reversed(parents):
        if parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


def _refused(destination: Path, error: OSError) -> Problem:
    reason = error.strerror or str(error)
    return Problem(
        f"cannot write {destination}: {reason[:1].lower()}{reason[1:]}",
        "choose a folder that you can write to and that has space; nothing was left behind",
    )
