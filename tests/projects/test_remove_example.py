"""What `make remove-example` leaves passes its own checks. The ledger proves projects with it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.combinations import label, written
from tests.drills import databases
from tests.services import make

CASES = [
    {"database": "sqlite", "auth": "jwt", "queue": "database"},
    {"database": "postgresql", "auth": "none", "queue": "none"},
    {"database": "mysql", "auth": "none", "queue": "none"},
    {"database": "mongodb", "auth": "jwt", "queue": "database"},
]


@pytest.mark.parametrize("answers", CASES, ids=label)
def test_what_is_left_without_the_example_passes_its_own_checks(
    answers: Mapping[str, Any], template_folder: Path, tmp_path: Path
) -> None:
    databases.create(answers["database"], "needed", tmp_path)  # skips if its server is missing
    project = written(answers, tmp_path / "shop", template_folder)
    make(project, "remove-example")
    assert not (project / "src/app/orders").exists()
    make(project, "check")
