"""The commands that every service has. All tests stand on what `migrate` made."""

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

pytestmark = pytest.mark.usefixtures("environment")


def run(*arguments: str, keyboard: str = "") -> Result:
    return CliRunner().invoke(main, arguments, input=keyboard)


def test_seed_can_be_repeated_and_reset_leaves_what_seed_would() -> None:
    assert run("seed").exit_code == 0
    seeded = asyncio.run(_count_rows())
    assert run("seed").exit_code == 0
    assert asyncio.run(_count_rows(leave_one=True)) == seeded
    assert asyncio.run(_count_rows()) != seeded
    assert run("reset").exit_code == 0
    assert asyncio.run(_count_rows()) == seeded


def test_the_shell_has_the_database_and_the_models_at_hand() -> None:
    result = run("shell", keyboard="print(run(database.ping()), ScheduledJob.__tablename__)\n")
    assert (result.exit_code, "None scheduled_jobs" in result.output) == (0, True)


def test_openapi_prints_the_document_and_nothing_else() -> None:
    assert json.loads(run("openapi").stdout)["openapi"].startswith("3.1")


@pytest.mark.parametrize("command", ["seed", "reset"])
def test_nobody_plays_in_production(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    class Production:
        is_production = True

    monkeypatch.setattr("app.cli.settings_or_exit", Production)
    assert run(command).stderr == "Error: this is not for production\n"


def test_a_database_that_was_never_migrated_is_told_in_one_line(
    environment: pytest.MonkeyPatch, empty_database_url: str
) -> None:
    environment.setenv("DATABASE_URL", empty_database_url)
    settings.cache_clear()
    assert run("seed").stderr == "Error: the database is not migrated: run the command `migrate` first\n"


async def _count_rows(*, leave_one: bool = False) -> list[int]:
    async with Database(settings()) as database, database.transaction() as session:
        tables = Base.metadata.sorted_tables
        counts = [len((await session.execute(select(table))).all()) for table in tables]
        if leave_one:
            session.add(ScheduledJob(name="left over", due_at=clock.now()))
    return counts
