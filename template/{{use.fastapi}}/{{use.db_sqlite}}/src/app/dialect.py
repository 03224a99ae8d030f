"""All that is particular to SQLite: one file, one writer at a time, readers that never wait."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Connection, DateTime, Dialect, TypeDecorator, event
from sqlalchemy.dialects.sqlite import insert as insert  # for others: it knows ON CONFLICT
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from app.config import Settings

# Somebody holds the file, or the disk is full, fails or may not be written: a missing table is none of these.
_OUTAGES = (
    *("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL"),
    *("SQLITE_IOERR", "SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_READONLY"),
)


class Money(TypeDecorator[Decimal]):
    """An exact amount, stored as ten-thousandths: SQLite would keep a decimal as a float."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:
        return None if value is None else int(value * 10_000)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:
        return None if value is None else Decimal(value) / 10_000


class Timestamp(TypeDecorator[datetime]):
    """A moment, stored in UTC: SQLite has no time zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def create_engines(settings: Settings) -> tuple[AsyncEngine, AsyncEngine]:
    """An engine for transactions, with the one connection that writes, and an engine for reads."""
    return _create_writer(settings), _create_engine(settings, pool_size=settings.database_pool_size)


def create_migration_engine(settings: Settings) -> AsyncEngine:
    """An engine whose transactions hold changes of the schema, too, and exclude those of other processes."""
    # With foreign keys on, rebuilding a table would delete the rows that refer to it.
    return _create_writer(settings, foreign_keys=False)


async def try_lock(session: AsyncSession, key: int) -> bool:
    """Always true: a transaction that writes excludes every other one already."""
    return True


def is_outage(error: Exception) -> bool:
    """Whether the database, not the statement, is to blame: the same request may succeed later."""
    if isinstance(error, DBAPIError):
        return str(getattr(error.orig, "sqlite_errorname", "")).startswith(_OUTAGES)
    return isinstance(error, PoolTimeoutError | OSError)


def lacks_table(error: Exception) -> bool:
    """Whether the statement names a table that no migration has made yet."""
    return isinstance(error, DBAPIError) and str(error.orig).startswith("no such table")


def _create_writer(settings: Settings, *, foreign_keys: bool = True) -> AsyncEngine:
    engine = _create_engine(settings, pool_size=1, foreign_keys=foreign_keys)

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # Taking the write lock first: a transaction that reads and then writes could not wait for it.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _create_engine(settings: Settings, *, pool_size: int, foreign_keys: bool = True) -> AsyncEngine:
    engine = create_async_engine(
        settings.database_url,
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,  # errors end in logs
        pool_timeout=settings.database_acquire_timeout_seconds,
        # Statements commit by themselves unless a BEGIN says otherwise.
        connect_args={"isolation_level": None},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        # First the timeout: turning a new file to WAL needs a lock, too.
        cursor.execute(f"PRAGMA busy_timeout = {int(settings.database_busy_timeout_seconds * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.execute(f"PRAGMA foreign_keys = {foreign_keys}")
        cursor.close()

    return engine
