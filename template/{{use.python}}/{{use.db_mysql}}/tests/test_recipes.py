"""Runs the recipes of docs/mysql.md as they are written."""

import asyncio
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, make_url, text

from app.config import Settings, settings
from app.database import Database
from tests.databases import Databases

INDEX, BACKUP = re.findall(r"^```(?:python|sh)\n(.*?)^```", Path("docs/mysql.md").read_text(), re.MULTILINE | re.DOTALL)

ORDERS = """
def upgrade() -> None:
    op.execute("CREATE TABLE IF NOT EXISTS orders (updated_at datetime)")
"""
"""The recipe changes the table `orders`. A service without the example lacks it."""
ROWS = "INSERT INTO scheduled_jobs VALUES ('kept', now())"


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


async def test_a_restore_brings_back_the_rows_of_a_backup(url: str, tmp_path: Path) -> None:
    dump, restore = BACKUP.splitlines()
    if not shutil.which("mariadb-dump"):
        dump, restore = dump.replace("mariadb-dump", "mysqldump"), restore.replace("mariadb", "mysql")
    address = make_url(url)
    environment = {
        **os.environ,
        "HOST": str(address.host),
        "PORT": str(address.port),
        "USER": str(address.username),
        "MYSQL_PWD": str(address.password),
        "DATABASE": str(address.database),
    }

    def run(script: str) -> None:
        subprocess.run(["sh", "-euc", script], cwd=tmp_path, env=environment, check=True)  # noqa: S603, S607

    async with Database(Settings(app_env="test", database_url=url)) as database:
        async with database.transaction() as session:
            await session.execute(text(ROWS))
        run(dump)
        async with database.transaction() as session:
            await session.execute(text("DELETE FROM scheduled_jobs"))
        run(restore)
        async with database.reading() as session:
            assert await session.scalar(text("SELECT count(*) FROM scheduled_jobs WHERE name = 'kept'")) == 1
