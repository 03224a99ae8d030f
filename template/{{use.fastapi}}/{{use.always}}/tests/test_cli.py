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
def test_seed_can_be_repeated_and_reset_leaves_what_seed_would() -> None:
    counts = []
    for command in ("seed", "seed", "reset"):
        assert run(command).exit_code == 0
        counts.append(asyncio.run(_count_rows()))
        asyncio.run(_leave_a_row_over())
    assert counts[0] == counts[2]
    assert counts[1] == counts[0] | {ScheduledJob.__tablename__: 1}


@pytest.mark.usefixtures("environment")
def test_the_shell_has_the_database_and_the_models_at_hand() -> None:
    result = run("shell", keyboard="print(run(database.ping()), ScheduledJob.__tablename__)\n")
    assert (result.exit_code, "None scheduled_jobs" in result.output) == (0, True)


@pytest.mark.usefixtures("environment")
def test_openapi_prints_the_document_and_nothing_else() -> None:
    assert json.loads(run("openapi").stdout)["openapi"].startswith("3.1")


@pytest.mark.parametrize("command", ["seed", "reset"])
def test_nobody_plays_in_production(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    class Production:
        is_production = True

    monkeypatch.setattr("app.cli.settings_or_exit", Production)
    assert run(command).stderr == "Error: this is not for production\n"


async def _count_rows() -> dict[str, int]:
    database = Database(settings())
    async with database.reading() as session:
        counts = {
            name: len((await session.execute(select(table))).all()) for name, table in Base.metadata.tables.items()
        }
    await database.close()
    return counts


async def _leave_a_row_over() -> None:
    database = Database(settings())
    async with database.transaction() as session:
        await session.merge(ScheduledJob(name="left over", due_at=clock.now()))
    await database.close()
