"""Concurrent transactions, and migrations."""

import asyncio

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import select

from app import clock
from app.config import Settings, settings
from app.database import Database
from app.dialect import create_migration_engine
from app.jobs.models import ScheduledJob
from tests.databases import Databases

ALEMBIC = Config("alembic.ini")


@pytest.fixture
def empty(databases: Databases, environment: pytest.MonkeyPatch) -> None:
    """A database without tables."""
    environment.setenv("DATABASE_URL", databases.create())
    settings.cache_clear()


@pytest.mark.usefixtures("empty")
def test_migrations_are_reversible_and_lead_to_the_schema_of_the_models() -> None:
    command.upgrade(ALEMBIC, "head")
    command.downgrade(ALEMBIC, "base")
    command.upgrade(ALEMBIC, "head")
    command.check(ALEMBIC)


@pytest.mark.usefixtures("empty")
async def test_a_second_migration_waits_for_the_first() -> None:
    engine = create_migration_engine(settings())
    async with engine.begin():
        second = asyncio.create_task(asyncio.to_thread(command.upgrade, ALEMBIC, "head"))
        await asyncio.sleep(0.5)
        assert not second.done()
    await second
    await engine.dispose()


async def test_writers_at_once_do_not_fail(database: Database, database_url: str) -> None:
    async def write(number: int) -> None:
        async with (database, other)[number % 2].transaction() as session:
            await session.get(ScheduledJob, "read before the write")
            await asyncio.sleep(0.002)
            session.add(ScheduledJob(name=f"{number}", due_at=clock.now()))

    async with Database(Settings(app_env="test", database_url=database_url)) as other:
        await asyncio.gather(*[write(number) for number in range(60)])
        async with other.reading() as session:
            assert len((await session.scalars(select(ScheduledJob))).all()) == 60
