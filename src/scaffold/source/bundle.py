"""Keeps the history of the template in the data folder of the user, for plain `copier update`.

When the template has no public address, the wheel carries its history as a git bundle. Projects
record the copy in the data folder, because a package and its files can be uninstalled.
"""

from __future__ import annotations

import filecmp
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Literal

from scaffold.git import commands as git

_NAME = "scaffold/template.bundle"
_INSTEAD = "so plain `copier update` will not find this version there; `scaffold update` will"


def recorded() -> str:
    """The address that projects record. It begins with `~`: each teammate has another home.

    It is an absolute path when `XDG_DATA_HOME` or `LOCALAPPDATA` names another data folder.
    """
    moved, usual = _data_folders()
    if moved and Path(moved) != Path(usual).expanduser():
        return (Path(moved) / _NAME).as_posix()
    return f"{usual}/{_NAME}"


def is_recorded(address: str) -> bool:
    """Whether `address` is the bundle in the data folder, in the home of any user."""
    return re.search(rf"(^|/){re.escape(_NAME)}$", address.replace("\\", "/")) is not None


def keep(bundle: Path) -> str:
    """Copy `bundle` into the data folder atomically, unless the one there is newer.

    Git is needed only to compare two bundles that differ; without git the existing one stays.

    Returns:
        A warning when plain `copier update` will not find the bundle; else an empty text.
    """
    try:
        place = Path(recorded()).expanduser()
        match _compared(place, bundle):
            case "older":
                _copy(bundle, place)
            case "apart":
                return f"{place} has another history, {_INSTEAD}"
    except (OSError, RuntimeError) as error:  # RuntimeError: this user has no home
        reason = getattr(error, "strerror", None) or error
        return f"the template's history cannot be kept as {recorded()} ({reason}), {_INSTEAD}"
    return ""


def _compared(place: Path, bundle: Path) -> Literal["older", "newer", "apart"]:
    """Compare the bundle at `place` with `bundle`; a missing or broken one is older."""
    if not place.exists():
        return "older"
    if filecmp.cmp(place, bundle, shallow=False) or not git.is_installed():
        return "newer"
    with tempfile.TemporaryDirectory(prefix="scaffold-") as folder:
        scratch = Path(folder)
        git.ask(scratch, "init", "--quiet", "--template=")
        _fetch(scratch, bundle, "ours")
        if not _fetch(scratch, place, "theirs") or _contains(scratch, "ours", "theirs"):
            return "older"
        return "newer" if _contains(scratch, "theirs", "ours") else "apart"


def _fetch(scratch: Path, bundle: Path, name: str) -> bool:
    refs = (f"+HEAD:refs/{name}/HEAD", f"+refs/tags/*:refs/{name}/tags/*")
    return git.ask(scratch, "fetch", "--quiet", "--no-tags", str(bundle), *refs) is not None


def _contains(scratch: Path, one: str, other: str) -> bool:
    """Whether `one` has all commits and all tags of `other`."""
    ancestry = ("merge-base", "--is-ancestor", f"refs/{other}/HEAD", f"refs/{one}/HEAD")
    has_commits = git.ask(scratch, *ancestry) is not None
    return has_commits and _tags(scratch, other) <= _tags(scratch, one)


def _tags(scratch: Path, name: str) -> set[str]:
    shown = "--format=%(refname:lstrip=3) %(objectname)"
    return set((git.ask(scratch, "for-each-ref", shown, f"refs/{name}/tags") or "").splitlines())


def _copy(bundle: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-", dir=place.parent) as folder:
        shutil.copyfile(bundle, Path(folder) / place.name).replace(place)


def _data_folders() -> tuple[str, str]:
    """The data folder that the user has set, or an empty text, and the default one."""
    match sys.platform:
        case "win32":
            return os.environ.get("LOCALAPPDATA", ""), "~/AppData/Local"
        case "darwin":
            return "", "~/Library/Application Support"
    moved = os.environ.get("XDG_DATA_HOME", "")
    return moved if Path(moved).is_absolute() else "", "~/.local/share"
