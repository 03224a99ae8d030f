"""A service stays small enough to be read by the team that takes it over."""

from __future__ import annotations

from scaffold.template.render import RenderedFile
from tests.combinations import TEMPLATE, planned

MOST_FILES = 120
MOST_LINES = 6_000
LOCKS = ("requirements.txt", "requirements-dev.txt")


def test_the_starter_has_at_most_120_files_and_6000_lines_that_are_not_blank() -> None:
    starter = planned(TEMPLATE.presets["starter"].answers)
    files = [file for file in starter.files if file.path.name not in LOCKS]
    assert len(files) <= MOST_FILES
    assert sum(map(lines, files)) <= MOST_LINES


def lines(file: RenderedFile) -> int:
    """Those with something in them."""
    return sum(1 for line in file.content.splitlines() if line.strip())
