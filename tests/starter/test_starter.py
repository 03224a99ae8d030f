"""The starter preset passes its own checks on a machine that has nothing of it."""

from __future__ import annotations

from pathlib import Path

from tests.combinations import TEMPLATE, written
from tests.services import make


def test_the_starter_passes_its_own_checks(template_folder: Path, tmp_path: Path) -> None:
    """Lint, types, tests with coverage and the API document, from the packages on."""
    project = written(TEMPLATE.presets["starter"].answers, tmp_path / "shop", template_folder)
    make(project, "check")
