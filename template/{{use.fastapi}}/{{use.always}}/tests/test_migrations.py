"""The schema and the steps that lead to it."""

import asyncio

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect

from app.config import Settings, settings
from app.database import Base, Database
from app.dialect import create_migration_engine
from tests.databases import Databases

ALEMBIC = Config("alembic.ini")


@pytest.fixture
def url(databases: Databases, environment: pytest.MonkeyPatch) -> str:
    """A database without tables."""
    url = databases.create()
    environment.setenv("DATABASE_URL", url)
    settings.cache_clear()
    return url


def tables(url: str) -> set[str]:
    async def look() -> set[str]:
        database = Database(Settings(database_url=url))
        async with database.writer.connect() as connection:
            names = await connection.run_sync(lambda synchronous: inspect(synchronous).get_table_names())
        await database.close()
        return set(names) - {"alembic_version"}

    return asyncio.run(look())


def test_every_step_can_be_taken_back_and_again(url: str) -> None:
    command.upgrade(ALEMBIC, "head")
    assert tables(url) == Base.metadata.tables.keys()
    command.downgrade(ALEMBIC, "base")
    assert tables(url) == set()
    command.upgrade(ALEMBIC, "head")
    assert tables(url) == Base.metadata.tables.keys()


def test_the_models_are_what_the_steps_lead_to(url: str) -> None:
    command.upgrade(ALEMBIC, "head")
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
