"""All that is particular to PostgreSQL."""

from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy import Connection, DateTime, Numeric, event, func, select
from sqlalchemy.dialects.postgresql import insert as insert  # for others: it knows ON CONFLICT
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from app.config import Settings

Money = Numeric(19, 4)
Timestamp = DateTime(timezone=True)

CONNECT_TIMEOUT_SECONDS = 3
MIGRATION_LOCK = 1
"""Any number; the others are hashes."""

# SQLSTATE: connection, rollback by the server, resources, locks, operator and timeouts, system; a standby by mistake.
_OUTAGES = ("08", "40", "53", "55", "57", "58", "25006")


def create_engines(settings: Settings) -> tuple[AsyncEngine, AsyncEngine]:
    """An engine for transactions, and one for reads, in which each statement stands alone."""
    return _create_engine(settings), _create_engine(settings, isolation_level="AUTOCOMMIT")


def create_migration_engine(settings: Settings) -> AsyncEngine:
    """An engine whose transactions exclude those of other processes, and take the time they need."""
    engine = create_async_engine(settings.database_url, hide_parameters=True)

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")

    return engine


async def try_lock(session: AsyncSession, key: int) -> bool:
    """Takes the lock with this signed 64-bit key until the transaction ends; false when another has it."""
    return bool(await session.scalar(select(func.pg_try_advisory_xact_lock(key))))


def is_outage(error: Exception) -> bool:
    """Whether the database, not the statement, is to blame: the same request may succeed later."""
    if isinstance(error, DBAPIError):
        sqlstate = getattr(error.orig, "sqlstate", None) or ""
        return error.connection_invalidated or sqlstate.startswith(_OUTAGES)
    return isinstance(error, PoolTimeoutError | OSError | asyncpg.PostgresError | asyncpg.InterfaceError)


def lacks_table(error: Exception) -> bool:
    """Whether the statement names a table that no migration has made yet."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == "42P01"


def _create_engine(settings: Settings, **options: Any) -> AsyncEngine:
    milliseconds = str(int(settings.database_statement_timeout_seconds * 1000))
    return create_async_engine(
        settings.database_url,
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=settings.database_acquire_timeout_seconds,
        pool_use_lifo=True,
        hide_parameters=True,  # errors end in logs
        connect_args={
            "timeout": CONNECT_TIMEOUT_SECONDS,
            "command_timeout": settings.database_statement_timeout_seconds + 1,
            "server_settings": {"statement_timeout": milliseconds, "timezone": "UTC"},
        },
        **options,
    )
