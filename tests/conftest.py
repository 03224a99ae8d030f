"""Fixtures for all tests: rendered projects, made once a session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.combinations import written
from tests.updates.table import keep, table


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Count what updates have made of the team's edits."""
    found = [
        value
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        for name, value in report.user_properties
        if name == "edits"
    ]
    if found:
        counted = table([tuple(edit) for edits in found for edit in edits], len(found))
        keep(counted)
        terminalreporter.section("edits and updates")
        terminalreporter.write_line(counted)


@pytest.fixture(scope="session")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`rendered(database="postgresql")` is the folder of that project. Do not change it."""
    made: dict[str, Path] = {}

    def render(**answers: Any) -> Path:
        key = repr(sorted(answers.items()))
        if key not in made:
            made[key] = written(answers, tmp_path_factory.mktemp("rendered") / "shop")
        return made[key]

    return render
