"""Fixtures for all tests: rendered projects, made once a session."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest_copie.plugin import Copie

from scaffold.template.render import compiled_once
from tests.combinations import NAME, answered
from tests.deployments import deselect
from tests.tool.conftest import export
from tests.updates.table import keep, table

# A process inherits what its parent ignores. Where a CI runner ignores SIGTERM, the servers that
# the tests start would ignore it, too.
signal.signal(signal.SIGTERM, signal.SIG_DFL)


OF_THE_TEMPLATE = {"laws", "template", "starter", "projects"}
"""The folders whose tests render much and measure no code of the tool.

To measure coverage meanwhile would take two thirds more time.
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Drills and fuzzing run for given rows of the ledger."""
    parser.addoption("--row", action="append", help="the id of a row; may be repeated")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A drill that does not apply to its row does not run; some tests run without coverage."""
    deselect(config, items)
    for item in items:
        if item.path.parent.name in OF_THE_TEMPLATE:
            item.add_marker(pytest.mark.no_cover)


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
def template_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the real template that is no git repository. Do not change it."""
    folder = tmp_path_factory.mktemp("plain") / "template"
    export(folder)
    return folder


@pytest.fixture(scope="session")
def rendered(copie_session: Copie, template_folder: Path) -> Callable[..., Path]:
    """`rendered(database="postgresql")` is the folder of that project. Do not change it."""
    made: dict[str, Path] = {}

    def render(**answers: Any) -> Path:
        complete = answered(answers).recorded
        key = repr(sorted(complete.items()))
        if key not in made:
            with compiled_once():
                result = copie_session.copy({"name": NAME, **answers}, template_dir=template_folder)
            assert result.exit_code == 0, result.exception
            assert result.answers == complete
            assert result.project_dir is not None
            made[key] = result.project_dir
        return made[key]

    return render
