"""The starter preset passes its own checks on a machine that has nothing of it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.combinations import TEMPLATE, written
from tests.services import make, tool_environment


def test_the_starter_passes_its_own_checks(template_folder: Path, tmp_path: Path) -> None:
    """Lint, types and tests, from the packages on.

    Coverage doubles the time of the tests; the proof of the row measures it.
    """
    project = written(TEMPLATE.presets["starter"].answers, tmp_path / "shop", template_folder)
    make(project, "lint")
    tested = subprocess.run(
        [".venv/bin/pytest"],
        cwd=project, env=tool_environment(), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout
