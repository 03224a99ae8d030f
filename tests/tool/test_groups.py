"""The groups of tests in the Makefile: none is forgotten."""

from __future__ import annotations

import re

from tests.combinations import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
PROVEN = {"tests/drills", "tests/fuzz"}
"""Run for each row of the ledger by `make prove`."""


def group(name: str) -> set[str]:
    found = re.search(rf"^{name} := (.+)$", MAKEFILE, re.MULTILINE)
    assert found
    return set(found[1].split())


def test_each_folder_of_tests_belongs_to_one_group() -> None:
    folders = {str(file.parent.relative_to(ROOT)) for file in ROOT.glob("tests/**/test_*.py")}
    groups = [group("QUICK"), group("SLOW"), PROVEN]
    assert sorted(folder for each in groups for folder in each) == sorted(folders)
