"""Everything that is specific to PostgreSQL."""

import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import asyncpg  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy import (
    ColumnElement,
    CursorResult,
    DateTime,
    LargeBinary,
    Numeric,
    Row,
    Select,
    event,
    func,
    make_url,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import NullPool

from app.config import Settings

Money = Numeric(19, 4)
Timestamp = DateTime(timezone=True)
Bytes = LargeBinary()
Digest = LargeBinary(32)
"""A SHA-256."""

CONNECT_TIMEOUT_SECONDS = 3
MIGRATION_LOCK = 1
"""The key of the advisory lock of migrations. The keys of other advisory locks are hashes."""
MIGRATION_LOCK_INTERVAL_SECONDS = 0.2

# SQLAlchemy reads these options of the URL itself; asyncpg does not know them.
_SQLALCHEMY_OPTIONS = ("async_fallback", "prepared_statement_cache_size", "prepared_statement_name_func")

# Classes and codes of SQLSTATE.
_OUTAGES = (
    "08",  # connection failed
    "40",  # rolled back by the server, such as after a deadlock
    "53",  # resources are exhausted
    "55",  # lock not available
    "57",  # stopped by an operator or a timeout
    "58",  # system error
    "25006",  # the server is read-only
)
_MISCONFIGURED = (
    "28",  # authorization failed
    "3D000",  # unknown database
)


def create_engines(settings: Settings) -> tuple[AsyncEngine, AsyncEngine]:
    """An engine for transactions, and an engine for reads in autocommit mode."""
    return _create_engine(settings.database_url, settings), _create_reader(settings.database_url, settings)


def create_replica_engine(settings: Settings) -> AsyncEngine | None:
    """An engine for reads on the replica, in autocommit mode. None without `DATABASE_REPLICA_URL`."""
    url = settings.database_replica_url
    return _create_reader(url, settings) if url else None


def create_migration_engine(settings: Settings) -> AsyncEngine:
    """An engine for migrations. Only one process migrates at a time, and there is no statement timeout."""
    engine = create_async_engine(settings.database_url, hide_parameters=True, poolclass=NullPool)

    @event.listens_for(engine.sync_engine, "connect")
    def lock(connection: DBAPIConnection, _: object) -> None:
        # The lock lasts until the connection closes, because a migration may consist of several transactions.
        # CREATE INDEX CONCURRENTLY waits for the snapshots of others: a process that waits here must hold none.
        connection.autocommit = True
        cursor = connection.cursor()
        try_lock = f"SELECT 1 WHERE pg_try_advisory_lock({MIGRATION_LOCK})"
        cursor.execute(try_lock)
        while cursor.fetchone() is None:
            time.sleep(MIGRATION_LOCK_INTERVAL_SECONDS)
            cursor.execute(try_lock)
        cursor.close()
        connection.autocommit = False

    return engine


def connection_options(settings: Settings) -> dict[str, Any]:
    """The arguments of `asyncpg.connect` for a connection outside of the pool."""
    url = make_url(settings.database_url)
    _, options = url.get_dialect()().create_connect_args(url)
    return {name: value for name, value in options.items() if name not in _SQLALCHEMY_OPTIONS}


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
    """Change the rows with these ids. Returns some columns of them. Skips rows that another transaction has locked."""
    # PostgreSQL may run a subquery once for each row, each time with other rows. It runs this CTE once.
    unlocked = ids.with_for_update(skip_locked=True).cte()
    statement = update(model).where(model.id.in_(select(unlocked))).values(changes).returning(*columns)
    return (await session.execute(statement.execution_options(synchronize_session=False))).all()


async def try_lock(session: AsyncSession, key: int) -> bool:
    """Take the advisory lock of a signed 64-bit key until the transaction ends. False if another transaction has it."""
    return bool(await session.scalar(select(func.pg_try_advisory_xact_lock(key))))


def is_less(columns: Sequence[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """Whether two columns of a row are less than these two values."""
    return tuple_(*columns) < tuple_(*values)


def violated_constraint(error: IntegrityError) -> str | None:
    """The name of the constraint that a statement violates; None if the database does not report it."""
    return getattr(getattr(error.orig, "__cause__", None), "constraint_name", None)


def is_outage(error: Exception) -> bool:
    """Whether the database failed, and not the statement. The same request may succeed later."""
    if isinstance(error, DBAPIError):
        sqlstate = getattr(error.orig, "sqlstate", None) or ""
        return error.connection_invalidated or sqlstate.startswith(_OUTAGES)
    return isinstance(error, PoolTimeoutError | OSError | asyncpg.PostgresError | asyncpg.InterfaceError)


def is_misconfigured(error: Exception) -> bool:
    """Whether no retry helps, because the server refuses the configured user, password or database."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return str(getattr(cause, "sqlstate", None) or "").startswith(_MISCONFIGURED)


def lacks_table(error: Exception) -> bool:
    """Whether the statement names a table that no migration has created yet."""
    return isinstance(error, DBAPIError) and getattr(error.orig, "sqlstate", None) == "42P01"


def _create_reader(url: str, settings: Settings) -> AsyncEngine:
    return _create_engine(url, settings, isolation_level="AUTOCOMMIT")


def _create_engine(url: str, settings: Settings, **options: Any) -> AsyncEngine:
    milliseconds = str(int(settings.database_statement_timeout_seconds * 1000))
    return create_async_engine(
        url,
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=settings.database_acquire_timeout_seconds,
        pool_use_lifo=True,
        hide_parameters=True,  # errors are logged
        connect_args={
            "timeout": CONNECT_TIMEOUT_SECONDS,
            "command_timeout": settings.database_statement_timeout_seconds + 1,
            "server_settings": {"statement_timeout": milliseconds, "timezone": "UTC"},
        },
        **options,
    )
