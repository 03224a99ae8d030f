"""`make setup` tells what it needs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.combinations import ROOT


def test_a_python_that_is_too_old_is_told(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    result = subprocess.run(
        [ROOT / "scripts" / "setup.sh"],
        env={**os.environ, "PYTHON": str(old)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert result.stderr == (
        f"error: {old} is missing or older than 3.11\n\n"
        "hint: install Python 3.11 or newer, or name it: make setup PYTHON=python3.12\n"
    )


def test_make_without_a_target_lists_the_targets() -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert "make demo " in shown
    assert "make test " in shown
