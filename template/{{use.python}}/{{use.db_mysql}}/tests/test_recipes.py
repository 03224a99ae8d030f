"""Runs the recipes of docs/mysql.md as they are written."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect

from app.config import Settings, settings
from app.database import Database
from tests.databases import Databases

[INDEX] = re.findall(r"^```python\n(.*?)^```", Path("docs/mysql.md").read_text(), re.MULTILINE | re.DOTALL)

ORDERS = """
def upgrade() -> None:
    op.execute("CREATE TABLE IF NOT EXISTS orders (updated_at datetime)")
"""
"""The recipe changes the table `orders`. A service without the example lacks it."""


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
