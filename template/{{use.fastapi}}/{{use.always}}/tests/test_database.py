"""Transactions, ids, and the steps that lead to the schema."""

import asyncio
import time
from uuid import RFC_4122

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, select

from app import clock
from app.config import Settings, settings
from app.database import Base, Database
from app.dialect import create_migration_engine
from app.ids import new_id
from app.jobs import ScheduledJob
from tests.databases import Databases

ALEMBIC = Config("alembic.ini")


@pytest.fixture
def url(databases: Databases, environment: pytest.MonkeyPatch) -> str:
    """A database without tables."""
    url = databases.create()
    environment.setenv("DATABASE_URL", url)
    settings.cache_clear()
    return url


def row(name: str) -> ScheduledJob:
    return ScheduledJob(name=name, due_at=clock.now())


def tables(url: str) -> set[str]:
    async def look() -> set[str]:
        database = Database(Settings(database_url=url))
        async with database.writer.connect() as connection:
            names = await connection.run_sync(lambda synchronous: inspect(synchronous).get_table_names())
        await database.close()
        return set(names) - {"alembic_version"}

    return asyncio.run(look())


async def test_an_error_takes_all_of_a_transaction_back(database: Database) -> None:
    with pytest.raises(LookupError):
        async with database.transaction() as session:
            session.add(row("a"))
            await session.flush()
            raise LookupError
    async with database.reading() as session:
        assert (await session.scalars(select(ScheduledJob))).all() == []


async def test_writers_at_once_do_not_fail(database: Database, database_url: str) -> None:
    async def write(number: int) -> None:
        async with (database, other)[number % 2].transaction() as session:
            await session.get(ScheduledJob, "read before the write")
            await asyncio.sleep(0.002)
            session.add(row(f"{number}"))

    other = Database(Settings(app_env="test", database_url=database_url))
    await asyncio.gather(*[write(number) for number in range(60)])
    async with other.reading() as session:
        assert len((await session.scalars(select(ScheduledJob))).all()) == 60
    await other.close()


def test_every_step_can_be_taken_back_and_again(url: str) -> None:
    for step, revision, expected in (
        (command.upgrade, "head", Base.metadata.tables.keys()),
        (command.downgrade, "base", set()),
        (command.upgrade, "head", Base.metadata.tables.keys()),
    ):
        step(ALEMBIC, revision)
        assert tables(url) == expected
    command.check(ALEMBIC)


def test_a_step_that_fails_leaves_nothing(url: str, environment: pytest.MonkeyPatch) -> None:
    environment.setattr("alembic.op.create_index", None)
    with pytest.raises(TypeError):
        command.upgrade(ALEMBIC, "head")
    assert tables(url) == set()


async def test_a_second_migration_waits_for_the_first(url: str) -> None:
    engine = create_migration_engine(settings())
    async with engine.begin():
        second = asyncio.create_task(asyncio.to_thread(command.upgrade, ALEMBIC, "head"))
        await asyncio.sleep(0.5)
        assert not second.done()
    await second
    await engine.dispose()


def test_ids_are_of_version_7_and_sort_by_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now, ids = time.time_ns(), []
    for milliseconds in range(100):
        monkeypatch.setattr(time, "time_ns", lambda later=milliseconds: now + later * 1_000_000)
        ids.append(new_id())
    assert ids == sorted(ids)
    assert ids[0].int >> 80 == now // 1_000_000
    assert {(made.version, made.variant) for made in ids} == {(7, RFC_4122)}
    assert len({new_id() for _ in range(10_000)}) == 10_000
