"""`make remove-example`: what is left of a service without its orders. Services prove the rest."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.combinations import TEMPLATE, each_row

Rendered = Callable[..., Path]

STARTER = TEMPLATE.presets["starter"].answers
starter = pytest.mark.parametrize("answers", [STARTER], ids=["starter"])
each_tool = pytest.mark.parametrize(
    "answers", [STARTER, {**STARTER, "database": "mongodb"}], ids=["alembic", "app.migrations"]
)

# What migrates SQL, and what migrates MongoDB: its file, and what it says of an empty database.
UNMIGRATED = {
    "alembic.py": (
        "FAILED: Destination 0004_orders-1 is not a valid downgrade target from current head(s)"
    ),
    "app/migrations.py": "Error: 0004_orders has not run on this database",
}


@pytest.fixture
def project(rendered: Rendered, tmp_path: Path, answers: Mapping[str, Any]) -> Path:
    """A project of its own for each test."""
    return Path(shutil.copytree(rendered(**answers), tmp_path / "shop"))


def remove_example(project: Path, tool: str = "") -> subprocess.CompletedProcess[str]:
    """What the command does before it formats. `tool` is code that stands in for what migrates."""
    stub = project.parent / "stub"
    (stub / "app").mkdir(parents=True)
    for file, said in UNMIGRATED.items():
        (stub / file).write_text(f"import sys\n{tool or f'sys.exit({said!r})'}\n")
    command = [sys.executable, "scripts/remove_example.py"]
    return subprocess.run(
        command,
        cwd=project,
        env=os.environ | {"PYTHONPATH": str(stub)},
        capture_output=True,
        text=True,
        check=False,
    )


@each_row(languages=["python"])
def test_nothing_is_left_that_names_what_is_gone(project: Path) -> None:
    result = remove_example(project)
    undefined = ["ruff", "check", "--quiet", "--isolated", "--select=F", "src", "tests"]
    linted = subprocess.run(
        [sys.executable, "-m", *undefined], cwd=project, capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stderr
    assert linted.returncode == 0, linted.stdout


@each_row(languages=["python"])
def test_the_command_goes_with_the_example(project: Path) -> None:
    remove_example(project)

    assert not list(project.glob("**/orders"))
    assert not list(project.glob("**/*_orders.py"))
    assert not (project / "scripts/remove_example.py").exists()
    assert "remove-example" not in (project / "Makefile").read_text()
    assert "remove-example" not in (project / "README.md").read_text()


@starter
def test_a_line_it_does_not_know_is_named(project: Path) -> None:
    module = project / "src/app/reports.py"
    module.write_text("from app.orders import service\n")

    result = remove_example(project)

    assert result.returncode == 1
    assert "src/app/reports.py:1: from app.orders import service" in result.stderr


@starter
def test_a_migration_that_builds_on_that_of_the_example_is_in_the_way(project: Path) -> None:
    later = project / "migrations/versions/0005_priority.py"
    later.write_text('revision = "0005"\ndown_revision = "0004_orders"\n')

    result = remove_example(project)

    assert (result.returncode, (project / "src/app/orders").is_dir()) == (1, True)
    assert "error: migrations/versions/0005_priority.py builds on 0004_orders\n" in result.stderr


@each_tool
def test_it_says_that_the_tables_are_gone(project: Path) -> None:
    result = remove_example(project, "sys.exit(0)")

    assert "The orders are gone, and so are their tables.\n" in result.stdout


@each_tool
def test_it_says_that_an_unmigrated_database_had_no_tables(project: Path) -> None:
    result = remove_example(project)

    assert "The orders are gone, and the database had no tables of them.\n" in result.stdout


@each_tool
def test_nothing_is_removed_if_the_tables_cannot_be_dropped(project: Path) -> None:
    result = remove_example(project, "sys.exit('Traceback\\nOSError: refused')")

    assert (result.returncode, (project / "src/app/orders").is_dir()) == (1, True)
    assert result.stderr == (
        "error: the tables were not dropped: OSError: refused\n\n"
        "hint: start the database, or correct DATABASE_URL\n"
    )


@starter
def test_it_refuses_to_run_in_production(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APP_ENV", "production")

    result = remove_example(project)

    assert (result.returncode, (project / "src/app/orders").is_dir()) == (1, True)
    assert "error: this would delete the orders of production\n\nhint: " in result.stderr
