"""What `make remove-example` leaves passes its own checks. The ledger proves projects with it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.combinations import axes, label, rows, written
from tests.drills import databases
from tests.services import make, tool_environment


def cases() -> Iterator[Mapping[str, Any]]:
    """The first framework on each database, and each other framework on one of its databases."""
    yield {"database": "sqlite", "auth": "jwt", "queue": "database"}
    yield {"database": "postgresql", "auth": "none", "queue": "none"}
    yield {"database": "mysql", "auth": "none", "queue": "none"}
    yield {"database": "mongodb", "auth": "jwt", "queue": "database"}
    for number, framework in enumerate(axes()["framework"][1:]):
        of_framework = [row for row in rows() if row["framework"] == framework]
        databases = sorted({row["database"] for row in of_framework})
        database = databases[number % len(databases)]
        yield next(row for row in of_framework if row["database"] == database)


@pytest.mark.parametrize("answers", cases(), ids=label)
def test_what_is_left_without_the_example_passes_its_own_checks(
    answers: Mapping[str, Any], template_folder: Path, tmp_path: Path
) -> None:
    databases.create(answers["database"], "needed", tmp_path)  # skips if its server is missing
    project = written(answers, tmp_path / "shop", template_folder)
    if answers["database"] == "sqlite":  # projects on the same server share its database
        make(project, "migrate")
    make(project, "remove-example")
    assert not list(project.glob("src/**/orders"))
    assert "remove-example" not in (project / "Makefile").read_text()
    assert "remove-example" not in (project / "README.md").read_text()
    make(project, "check")


@pytest.fixture(scope="module")
def node_project(template_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose packages are installed, and which no test changes."""
    answers = {"framework": "fastify", "database": "sqlite", "auth": "none", "queue": "none"}
    project = written(answers, tmp_path_factory.mktemp("node") / "shop", template_folder)
    make(project, "setup")
    return project


@pytest.mark.xdist_group("remove-example-node")
@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"APP_ENV": "production"}, "error: this would delete the orders of production\n\nhint: "),
        ({"DATABASE_URL": "sqlite:/no/folder/app.db"}, "error: the tables were not dropped: "),
    ],
)
def test_the_command_of_a_node_project_refuses_and_changes_nothing(
    environment: dict[str, str], said: str, node_project: Path
) -> None:
    result = remove_example(node_project, environment)

    assert (result.returncode, (node_project / "src/orders").is_dir()) == (1, True)
    assert result.stderr.startswith(said)
    assert "remove-example" in (node_project / "Makefile").read_text()


@pytest.mark.xdist_group("remove-example-node")
def test_a_line_that_the_command_of_a_node_project_does_not_know_is_named(
    node_project: Path,
) -> None:
    module = node_project / "src/reports.ts"
    module.write_text("import { listOrders } from './orders/repository.ts';\n")
    try:
        result = remove_example(node_project, {})
    finally:
        module.unlink()

    assert (result.returncode, (node_project / "src/orders").is_dir()) == (1, True)
    assert "src/reports.ts:1: import { listOrders }" in result.stderr


def remove_example(
    project: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """What the command does before it formats."""
    return subprocess.run(
        ["node", "scripts/remove-example.ts"],
        cwd=project,
        env={**tool_environment(), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
