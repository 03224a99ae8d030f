"""Migrations, and the schema that they lead to."""

import asyncio
import re

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Enum, inspect

from app.config import settings
from app.database import Base, Database
from app.dialect import create_migration_engine
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


async def test_the_check_constraint_of_each_enum_column_allows_the_members_of_the_enum(database: Database) -> None:
    def allowed(connection: Connection, table: str) -> dict[str, set[str]]:
        checks = inspect(connection).get_check_constraints(table)
        return {str(check["name"]): set(re.findall(r"'(\w+)'", check["sqltext"])) for check in checks}

    columns = [(table, column.type) for table in Base.metadata.sorted_tables for column in table.c]
    async with database.reading() as session:
        connection = await session.connection()
        for table, column_type in columns:
            if isinstance(column_type, Enum):
                constraints = await connection.run_sync(allowed, table.name)
                assert constraints[f"ck_{table.name}_{column_type.name}"] == set(column_type.enums)
