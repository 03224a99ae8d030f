"""Many projects of one template, updated at the same time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.combinations import TEMPLATE
from tests.tool.conftest import git
from tests.updates import releases
from tests.updates.projects import Releases, copied, files


def test_ten_projects_are_updated_at_once(made_up: Releases, tmp_path: Path) -> None:
    presets = [preset.answers for preset in TEMPLATE.presets.values()]
    starts = [
        made_up.project(tmp_path / "starts" / str(number), "v1.0.0", answers)
        for number, answers in enumerate(presets)
    ]
    shops = [copied(starts[number % 3], tmp_path / f"shop-{number}") for number in range(10)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "scaffold", "update", shop, "--defaults"],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )
        for shop in shops
    ]  # fmt: skip
    said = [process.communicate(timeout=120)[1] for process in running]
    assert {process.returncode for process in running} == {0}, said

    for number, shop in enumerate(shops):
        recorded = made_up.recorded("v1.0.0", presets[number % 3])
        kept = made_up.kept(releases.LAST, recorded)
        assert files(shop) == made_up.fresh(releases.LAST, kept)
    assert git(made_up.repository, "status", "--porcelain") == ""
