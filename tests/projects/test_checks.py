"""Every project that can be generated passes its own checks, with and without the example."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.combinations import combinations, label, written
from tests.components import ensure
from tests.services import find_uv

# What CI runs makes no difference to the service itself.
SERVICES = [answers for answers in combinations() if answers["ci"] == "github"]
PRESETS = [
    {"database": "sqlite", "auth": "jwt", "queue": "database"},
    {"database": "postgresql", "auth": "none", "queue": "none"},
]


@pytest.mark.parametrize("answers", SERVICES, ids=label)
def test_a_project_passes_its_own_checks(answers: Mapping[str, Any], tmp_path: Path) -> None:
    project = written(answers, tmp_path / "shop")
    make(project, "check")


@pytest.mark.parametrize("answers", PRESETS, ids=label)
def test_what_is_left_without_the_example_passes_its_own_checks(
    answers: Mapping[str, Any], tmp_path: Path
) -> None:
    project = written(answers, tmp_path / "shop")
    make(project, "remove-example")
    assert not (project / "src/app/orders").exists()
    make(project, "check")


def make(project: Path, target: str) -> None:
    """Run a target as a user does, on a real PostgreSQL where the project has one."""
    env = {**os.environ, "PATH": f"{Path(find_uv()).parent}:{os.environ['PATH']}"}
    for name in ("PYTHONPATH", "VIRTUAL_ENV"):
        env.pop(name, None)
    if "postgresql" in (project / ".copier-answers.yml").read_text():
        ensure("postgresql")
    done = subprocess.run(
        ["make", target],
        cwd=project,
        env=env,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
