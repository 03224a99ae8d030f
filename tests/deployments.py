"""Fixtures of the drills and the fuzzing: a generated service with a database of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.components import ensure
from tests.drills.databases import Database, Postgres, Sqlite
from tests.services import Service, generate, install, production_like

_names = (f"drill_{number}" for number in itertools.count())


@dataclass(frozen=True)
class Deployment:
    """A generated project with its packages, and a migrated database that nobody uses."""

    project: Path
    python: Path
    database: Database
    private_key: str


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def deployment(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Deployment:
    """The service with everything on, once for SQLite and once for PostgreSQL."""
    folder = tmp_path_factory.mktemp(request.param)
    project = generate(folder / "drill", "--preset", "starter", "--database", request.param)
    database: Database
    if request.param == "postgresql":
        server = ensure("postgresql")
        server.create_database("drill")
        database = Postgres(server, "drill")
    else:
        database = Sqlite(folder / "drill.db")
    python = install(project)
    bare = Service(project, python, {"DATABASE_URL": database.url}, folder / "logs")
    bare.migrate()
    return Deployment(project, python, database, bare.cli("generate-key"))


@pytest.fixture
def database(deployment: Deployment) -> Database:
    """This drill's own copy of the migrated database."""
    return deployment.database.copy(next(_names))


@pytest.fixture
def service(deployment: Deployment, database: Database, tmp_path: Path) -> Iterator[Service]:
    """This drill's own service, configured as in production; whatever it started is ended."""
    env = production_like(database.url, AUTH_PRIVATE_KEY=deployment.private_key)
    service = Service(deployment.project, deployment.python, env, tmp_path / "logs")
    yield service
    service.stop()
