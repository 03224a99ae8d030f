"""The commands that every service has."""

import asyncio
import json

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from app import clock
from app.cli import main
from app.config import settings
from app.database import Base, Database
from app.jobs import ScheduledJob
from tests.databases import Databases


def run(*arguments: str, keyboard: str = "") -> Result:
    return CliRunner().invoke(main, arguments, input=keyboard)


def test_migrate_makes_every_table_and_can_be_repeated(environment: pytest.MonkeyPatch, databases: Databases) -> None:
    environment.setenv("DATABASE_URL", databases.create())
    settings.cache_clear()
    assert [run("migrate").exit_code for _ in range(2)] == [0, 0]
    assert asyncio.run(_count_rows()) == dict.fromkeys(Base.metadata.tables, 0)


@pytest.mark.usefixtures("environment")
def test_reset_leaves_what_seed_would() -> None:
    assert run("seed").exit_code == 0
    seeded = asyncio.run(_count_rows())
    asyncio.run(_add_row())
    assert asyncio.run(_count_rows()) != seeded
    assert run("reset").exit_code == 0
    assert asyncio.run(_count_rows()) == seeded


@pytest.mark.usefixtures("environment")
def test_seeding_twice_is_seeding_once() -> None:
    assert run("seed").exit_code == 0
    once = asyncio.run(_count_rows())
    assert run("seed").exit_code == 0
    assert asyncio.run(_count_rows()) == once


@pytest.mark.usefixtures("environment")
def test_the_shell_has_the_database_at_hand() -> None:
    result = run("shell", keyboard="print(run(database.ping()), ScheduledJob.__tablename__)\n")
    assert result.exit_code == 0
    assert "None scheduled_jobs" in result.output


@pytest.mark.usefixtures("environment")
def test_openapi_prints_the_document_and_nothing_else() -> None:
    document = json.loads(run("openapi").stdout)
    assert document["openapi"].startswith("3.1")
    assert "/readyz" in document["paths"]


@pytest.mark.parametrize("command", ["seed", "reset"])
def test_nobody_plays_in_production(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    class Production:
        is_production = True

    monkeypatch.setattr("app.cli.settings_or_exit", Production)
    result = run(command)
    assert (result.exit_code, result.stderr) == (1, "Error: this is not for production\n")


async def _count_rows() -> dict[str, int]:
    database = Database(settings())
    async with database.reading() as session:
        counts = {
            name: len((await session.execute(select(table))).all()) for name, table in Base.metadata.tables.items()
        }
    await database.close()
    return counts


async def _add_row() -> None:
    database = Database(settings())
    async with database.transaction() as session:
        session.add(ScheduledJob(name="left over", due_at=clock.now()))
    await database.close()
