"""The few git commands that scaffold needs, shielded from the user's hooks and surroundings."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from scaffold.problems import Problem

MESSAGE = "Start from the scaffold template"

# A hook or an alias that calls scaffold sets these; they would point git at its own repository.
_INHERITED = (
    "GIT_DIR",
    "GIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_COMMON_DIR",
    "GIT_PREFIX",
)


def is_installed() -> bool:
    """Whether there is a git on the PATH."""
    return shutil.which("git") is not None


def repository_of(folder: Path) -> Path | None:
    """The root of the repository that `folder` is (or would be) in, if any."""
    while not folder.is_dir():
        folder = folder.parent
    top = ask(folder, "rev-parse", "--show-toplevel")
    return Path(top) if top else None


def first_commit(folder: Path) -> None:
    """Make `folder` a repository with everything in it committed on `main`.

    The user's ignore rules, hooks and signing key have no say in this one commit; a user without
    a name or an address gets a stand-in.

    Raises:
        Problem: git failed.
    """
    _run(folder, "-c", "init.defaultBranch=main", "init", "--quiet")
    _run(folder, "-c", "core.excludesFile=", "-c", "core.safecrlf=false", "add", "--all")
    stand_ins = [
        f"{key}={value}"
        for key, value in (("user.name", "scaffold"), ("user.email", "scaffold@localhost"))
        if not ask(folder, "config", key)
    ]
    _run(
        folder,
        *(part for stand_in in stand_ins for part in ("-c", stand_in)),
        *("-c", f"core.hooksPath={os.devnull}", "-c", "commit.gpgsign=false"),
        *("commit", "--quiet", "--no-verify", "--message", MESSAGE),
    )


def clone(url: str, folder: Path) -> None:
    """Clone `url` into `folder`, without ever asking for a password.

    Raises:
        Problem: there is nothing to clone.
    """
    result = _git(folder.parent, "clone", "--quiet", "--", url, str(folder))
    if result.returncode:
        raise Problem(f"cannot get the template from {url}", _last_line(result.stderr))


def ask(folder: Path, *arguments: str) -> str | None:
    """What git prints, stripped; None when it fails or is missing."""
    if not is_installed():
        return None
    result = _git(folder, *arguments)
    return None if result.returncode else result.stdout.strip()


def _run(folder: Path, *arguments: str) -> None:
    result = _git(folder, *arguments)
    if result.returncode:
        raise Problem(
            f"git failed: {_last_line(result.stderr)}", "add `--no-git` to go on without it"
        )


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in _INHERITED}
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env={**environment, "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].removeprefix("fatal: ") if lines else "it gave no reason"
