"""Programs on this machine: where they are, and which version they have."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from glob import glob
from pathlib import Path

PATIENCE_SECONDS = 0.4
"""A command that takes longer has failed."""


def located(name: str, folder: Path) -> str | None:
    """Find a program by its name on the PATH, or by a path or glob pattern in the project."""
    if "/" not in name:
        return shutil.which(name)
    found = [path for path in glob(str(folder / name)) if os.access(path, os.X_OK)]  # noqa: PTH207 - of an absolute pattern, too
    return max(found, key=numbers, default=None)


def version(program: str) -> str:
    """The version that `PROGRAM --version` prints, like `3.11.2`; empty when it prints none."""
    found = re.search(r"\d+(\.\d+)+", output([program, "--version"], None) or "")
    return found[0] if found else ""


def output(command: Sequence[str], folder: Path | None) -> str | None:
    """The output of a command; None when it fails, is missing or takes too long."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return None if done.returncode else done.stdout


def numbers(text: str) -> list[int]:
    """The numbers in a text, in order, to compare versions."""
    return [int(number) for number in re.findall(r"\d+", text)]
