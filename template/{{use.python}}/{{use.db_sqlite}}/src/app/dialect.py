"""Everything that is specific to SQLite. One transaction writes at a time, and readers never wait."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    CursorResult,
    DateTime,
    Dialect,
    LargeBinary,
    Row,
    Select,
    TypeDecorator,
    event,
    tuple_,
    update,
)
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine

from app.config import Settings

Bytes = LargeBinary()
Digest = LargeBinary(32)
"""A SHA-256."""

# Another process holds the file, or the disk is full, fails or is read-only. A missing table is no outage.
_OUTAGES = (
    *("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_PROTOCOL"),
    *("SQLITE_IOERR", "SQLITE_FULL", "SQLITE_CANTOPEN", "SQLITE_READONLY"),
)


class Money(TypeDecorator[Decimal]):
    """An exact amount, stored as ten-thousandths: SQLite would store a decimal as a float."""

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
    """An engine for transactions, with the only connection that writes, and an engine for reads."""
    return _create_writer(settings), _create_engine(settings, pool_size=settings.database_pool_size)


def create_migration_engine(settings: Settings) -> AsyncEngine:
    """An engine for migrations. Changes of the schema are transactional, and only one process migrates at a time."""
    # With foreign keys on, rebuilding a table would delete the rows that refer to it.
    return _create_writer(settings, foreign_keys=False)


async def insert_if_absent(session: AsyncSession, model: type[Any], values: Mapping[str, Any]) -> bool:
    """Insert a row. False if there is one with the same key. If another transaction inserts it, wait for its end."""
    result = await session.execute(insert(model).values(values).on_conflict_do_nothing())
    return cast(CursorResult[Any], result).rowcount > 0


async def upsert(
    session: AsyncSession, model: type[Any], values: Mapping[str, Any], key: Sequence[str], changes: Mapping[str, Any]
) -> None:
    """Insert a row. If there is one with the same `key`, make the `changes` to it instead."""
    inserted = insert(model).values(values)
    await session.execute(inserted.on_conflict_do_update(index_elements=key, set_=changes))


async def update_unlocked(
    session: AsyncSession, model: type[Any], ids: Select[Any], changes: Mapping[str, Any], columns: Sequence[Any]
) -> Sequence[Row[Any]]:
    """Change the rows with these ids. Returns some columns of them. One transaction writes, so no row is locked."""
    statement = update(model).where(model.id.in_(ids.scalar_subquery())).values(changes).returning(*columns)
    return (await session.execute(statement.execution_options(synchronize_session=False))).all()


async def try_lock(session: AsyncSession, key: int) -> bool:
    """Always true, because only one transaction writes at a time."""
    return True


def is_less(columns: Sequence[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """Whether two columns of a row are less than these two values."""
    return tuple_(*columns) < tuple_(*values)


def violated_constraint(error: IntegrityError) -> str | None:
    """The name of the constraint that a statement violates; None if the database does not report it."""
    message = str(error.orig)
    if found := re.fullmatch(r"CHECK constraint failed: (\w+)", message):
        return found[1]
    if not message.startswith("UNIQUE constraint failed: "):
        return None
    # SQLite reports the columns of a unique constraint or primary key. `Base` names the constraint after them.
    columns = re.findall(r"(\w+)\.(\w+)", message)
    if not columns:
        return None
    if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_CONSTRAINT_PRIMARYKEY":
        return f"pk_{columns[0][0]}"
    return f"uq_{columns[0][0]}_{'_'.join(column for _, column in columns)}"


def is_outage(error: Exception) -> bool:
    """Whether the database failed, and not the statement. The same request may succeed later."""
    if isinstance(error, DBAPIError):
        return str(getattr(error.orig, "sqlite_errorname", "")).startswith(_OUTAGES)
    return isinstance(error, PoolTimeoutError | OSError)


def is_misconfigured(error: Exception) -> bool:
    """Whether no retry helps, because the configured file is not a database."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlite_errorname", "") == "SQLITE_NOTADB"


def lacks_table(error: Exception) -> bool:
    """Whether the statement names a table that no migration has created yet."""
    return isinstance(error, DBAPIError) and str(error.orig).startswith("no such table")


def _create_writer(settings: Settings, *, foreign_keys: bool = True) -> AsyncEngine:
    engine = _create_engine(settings, pool_size=1, foreign_keys=foreign_keys)

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Connection) -> None:
        # Take the write lock at the start. A transaction that has already read could not wait for it: it would fail.
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def _create_engine(settings: Settings, *, pool_size: int, foreign_keys: bool = True) -> AsyncEngine:
    engine = create_async_engine(
        settings.database_url,
        pool_size=pool_size,
        max_overflow=0,
        hide_parameters=True,  # errors are logged
        pool_timeout=settings.database_acquire_timeout_seconds,
        # Autocommit: the driver sends no BEGIN.
        connect_args={"isolation_level": None},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        # The timeout comes first, because switching a new file to WAL may wait for a lock.
        cursor.execute(f"PRAGMA busy_timeout = {int(settings.database_busy_timeout_seconds * 1000)}")
        cursor.execute("PRAGMA journal_mode = WAL")
        # A commit returns when it is on the disk. With NORMAL, a power failure could undo it.
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute(f"PRAGMA foreign_keys = {foreign_keys}")
        cursor.close()

    return engine
