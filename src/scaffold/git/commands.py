"""Runs git, without the hooks and the GIT_ variables of the user."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import PIPE

from scaffold.terminal import console, signals
from scaffold.terminal.errors import Problem

MESSAGE = "Start from the scaffold template"

# The lines around a conflict; copier writes the same ones.
_SIDES = ("before updating", "last update", "after updating")
CONFLICT_LABELS = (f"{'<' * 7} {_SIDES[0]}", f"{'>' * 7} {_SIDES[2]}")

_MERGE_FAILED = 128  # below it, the exit code of `git merge-file` counts conflicts

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
    """Whether git is on the PATH."""
    return shutil.which("git") is not None


def repository_of(folder: Path) -> Path | None:
    """The root of the repository that `folder` is (or would be) in, if any."""
    while not folder.is_dir():
        folder = folder.parent
    top = ask(folder, "rev-parse", "--show-toplevel")
    return Path(top) if top else None


def first_commit(folder: Path) -> None:
    """Make `folder` a repository with everything in it committed on `main`.

    This commit ignores the ignore rules, hooks and signing key of the user. A placeholder is used
    for a user without a name or an e-mail address.

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
        *("-c", "commit.gpgsign=false", "-c", "maintenance.auto=false"),
        *("commit", "--quiet", "--no-verify", "--message", MESSAGE),
    )


def clone(url: str, folder: Path, *, bare: bool = False) -> None:
    """Clone `url` into `folder`. Git never asks for a password.

    Raises:
        Problem: `url` cannot be cloned.
    """
    options = ["--quiet", *(["--bare"] if bare else [])]
    with console.progress(f"Fetching the template from {url} ..."):
        result = _git(folder.parent, "clone", *options, "--", url, str(folder))
    if result.returncode:
        raise Problem(
            f"cannot get the template from {url}: {_reason(result.stderr)}",
            "check the address, and that you may read it without a password prompt",
        )


def ask(folder: Path, *arguments: str) -> str | None:
    """The output of git, stripped; None when git fails or is missing."""
    if not is_installed():
        return None
    result = _git(folder, *arguments)
    return None if result.returncode else _text(result.stdout).strip()


def read(folder: Path, *arguments: str, given: bytes | str = b"", index: Path | None = None) -> str:
    """The output of git as text; see `read_bytes`."""
    return _text(read_bytes(folder, *arguments, given=given, index=index))


def read_bytes(
    folder: Path, *arguments: str, given: bytes | str = b"", index: Path | None = None
) -> bytes:
    """The output of git; `given` is its standard input, `index` replaces the usual index.

    Raises:
        Problem: git failed.
    """
    result = _git(folder, *arguments, given=given, index=index)
    if result.returncode:
        hint = f"it was `git {_command(arguments)}`"
        raise Problem(f"git failed: {_reason(result.stderr)}", hint)
    return result.stdout


def merge_file(ours: bytes, base: bytes, theirs: bytes) -> tuple[bytes, bool]:
    """Merge three versions of a text. Returns the text and whether it has conflict markers.

    The markers have the labels of `copier update`.
    """
    with tempfile.TemporaryDirectory(prefix="scaffold-merge-") as folder:
        for name, content in zip(_SIDES, (ours, base, theirs), strict=True):
            (Path(folder) / name).write_bytes(content)
        labels = [word for name in _SIDES for word in ("-L", name)]
        result = _git(Path(folder), "merge-file", "--stdout", "--quiet", *labels, *_SIDES)
    if result.returncode < 0 or result.returncode >= _MERGE_FAILED:
        raise Problem(f"git failed: {_reason(result.stderr)}", "it was `git merge-file`")
    return result.stdout, result.returncode > 0


def diff(before: Mapping[str, bytes], after: Mapping[str, bytes], *, colour: bool) -> bytes:
    """The git patch between two sets of files, by path."""
    with tempfile.TemporaryDirectory(prefix="scaffold-diff-") as folder:
        for side, files in (("a", before), ("b", after)):
            (Path(folder) / side).mkdir()
            for path, content in files.items():
                file = Path(folder) / side / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        when = "always" if colour else "never"
        options = ("--no-index", "--no-prefix", "--no-ext-diff", "--binary", f"--color={when}")
        result = _git(Path(folder), "-c", "diff.noprefix=false", "diff", *options, "a", "b")
    return result.stdout


def _run(folder: Path, *arguments: str) -> None:
    result = _git(folder, *arguments)
    if result.returncode:
        raise Problem(f"git failed: {_reason(result.stderr)}", "add `--no-git` to go on without it")


def _git(
    folder: Path, *arguments: str, given: bytes | str = b"", index: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    environment = {key: value for key, value in os.environ.items() if key not in _INHERITED}
    if index:
        environment["GIT_INDEX_FILE"] = str(index)
    command = ["git", "-c", f"core.hooksPath={os.devnull}", *arguments]
    environment |= {
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
        "GIT_OPTIONAL_LOCKS": "0",  # a question writes nothing, be the disk full
    }
    told = given.encode("utf-8", "surrogateescape") if isinstance(given, str) else given
    process = None
    try:
        # Interrupted half-way, this would leave a git that nobody knows of and that writes on.
        with signals.deferred():
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=PIPE, stdout=PIPE, stderr=PIPE
            )
        out, err = process.communicate(told)
    except BaseException:
        if process:
            with process:
                process.kill()
        raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _command(arguments: Sequence[str]) -> str:
    """The subcommand: `status` of `-c a=b --literal-pathspecs status --porcelain`."""
    words = iter(arguments)
    for word in words:
        if word == "-c":
            next(words)
        elif not word.startswith("-"):
            return word
    return ""


def _text(output: bytes) -> str:
    """Decode like Python decodes file names: bytes that are not UTF-8 survive a round trip."""
    return output.decode("utf-8", "surrogateescape")


def _reason(output: bytes) -> str:
    """The line of an error output that tells most: the first fatal one, else the last."""
    lines = output.decode("utf-8", "replace").strip().splitlines()
    fatal = (line.removeprefix("fatal: ") for line in lines if line.startswith("fatal: "))
    return next(fatal, lines[-1] if lines else "it gave no reason").rstrip(".")
