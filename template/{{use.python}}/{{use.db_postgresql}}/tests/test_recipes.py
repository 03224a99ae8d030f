"""Runs the recipes of docs/postgresql.md as they are written."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, text

from app.config import Settings, settings
from app.database import Database
from app.dialect import connection_options, create_migration_engine
from tests.databases import Databases

INDEX, CONSTRAINT, VALIDATION = re.findall(
    r"^```python\n(.*?)^```", Path("docs/postgresql.md").read_text(), re.MULTILINE | re.DOTALL
)

ORDERS = """
def upgrade() -> None:
    op.execute("CREATE TABLE IF NOT EXISTS orders (updated_at timestamptz, note text)")
"""
"""The recipes change the table `orders`. A service without the example lacks it."""


@pytest.fixture
def url(databases: Databases, environment: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a separate migrated database, because the recipes change its schema."""
    url = databases.create()
    environment.setenv("DATABASE_URL", url)
    settings.cache_clear()
    command.upgrade(Config("alembic.ini"), "head")
    yield url
    settings.cache_clear()


@pytest.fixture
def migrations(url: str, tmp_path: Path) -> Config:
    """A copy of the migrations for the database at `url`. Tests add migrations to it."""
    config = Config("alembic.ini")
    config.set_main_option("script_location", str(shutil.copytree("migrations", tmp_path / "migrations")))
    add_migration(config, "ensure_orders", ORDERS)
    return config


def add_migration(config: Config, name: str, upgrade: str) -> None:
    revision = command.revision(config, message=name, rev_id=name)
    assert not isinstance(revision, list)
    assert revision is not None
    path = Path(revision.path)
    path.write_text(path.read_text().partition("def upgrade")[0] + upgrade)
    command.upgrade(config, "head")


async def test_an_index_is_created_on_a_table_in_use(url: str, migrations: Config) -> None:
    await asyncio.to_thread(add_migration, migrations, "add_index", INDEX)

    async with Database(Settings(app_env="test", database_url=url)) as database, database.reading() as session:
        connection = await session.connection()
        indexes = await connection.run_sync(lambda sync: inspect(sync).get_indexes("orders"))
    assert "ix_orders_updated_at" in {index["name"] for index in indexes}


async def test_a_waiting_migration_does_not_block_a_concurrent_index(url: str) -> None:
    engine = create_migration_engine(settings())
    async with engine.connect():
        waiting = asyncio.create_task(asyncio.to_thread(command.upgrade, Config("alembic.ini"), "head"))
        await asyncio.sleep(0.5)
        connection = await asyncpg.connect(**connection_options(settings()))
        await connection.execute("CREATE INDEX CONCURRENTLY ix_test ON scheduled_jobs (due_at)", timeout=5)
        await connection.close()
        assert not waiting.done()
    await waiting
    await engine.dispose()


async def test_a_constraint_is_added_and_validated_later(url: str, migrations: Config) -> None:
    validated = text("SELECT convalidated FROM pg_constraint WHERE conname = 'ck_orders_note_length'")
    async with Database(Settings(app_env="test", database_url=url)) as database:
        for name, recipe, expected in (("add_check", CONSTRAINT, False), ("validate_check", VALIDATION, True)):
            await asyncio.to_thread(add_migration, migrations, name, recipe)
            async with database.reading() as session:
                assert await session.scalar(validated) is expected
