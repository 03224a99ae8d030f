"""Runs the migrations in one transaction, on the configured database. With `--sql`, prints them."""

import asyncio

from alembic import context
from sqlalchemy import Connection

import app.main  # noqa: F401  # imports all models
from app.config import settings
from app.database import Base
from app.dialect import create_migration_engine


def _migrate(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
    with context.begin_transaction():
        context.run_migrations()


async def _connect() -> None:
    engine = create_migration_engine(settings())
    try:
        # Alembic begins the transaction itself, so that a migration can leave it with `autocommit_block`.
        async with engine.connect() as connection:
            await connection.run_sync(_migrate)
    finally:
        await engine.dispose()


def _print() -> None:
    context.configure(url=settings().database_url, target_metadata=Base.metadata, literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    _print()
else:
    asyncio.run(_connect())
