"""Everything that is specific to MySQL and MariaDB."""

import logging
import re
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from asyncmy.constants import CR, ER
from asyncmy.errors import MySQLError
from sqlalchemy import (
    BINARY,
    ColumnElement,
    Dialect,
    ExceptionContext,
    Numeric,
    Row,
    Select,
    TypeDecorator,
    and_,
    event,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.mysql import DATETIME, LONGBLOB, insert
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, PoolResetState

from app.config import Settings

Money = Numeric(19, 4)
Bytes = LONGBLOB()
Digest = BINARY(32)
"""A SHA-256. A key cannot be a BLOB."""

CONNECT_TIMEOUT_SECONDS = 3
_CANCELS_READS = sys.version_info >= (3, 12)
"""With a timeout for reads, the driver uses `asyncio.wait_for`, which loses cancellations before Python 3.12."""
IDLE_TIMEOUT_SECONDS = 3600
"""The server closes a connection that was idle for so long. The pool replaces it before that."""
MIGRATION_LOCK_INTERVAL_SECONDS = 0.2

# The locks of other databases on the server have other names. A name has at most 64 characters, as many as this hash.
_MIGRATION_LOCK = "sha2(concat(database(), '.migrations'), 256)"
_HOLDS_LOCKS = "holds_locks"

_DISK_FULL = 1021
_READ_ONLY_TRANSACTION = 1792
_READ_ONLY_MODE = 1836
_CONNECTION_KILLED = 1927
_STATEMENT_TIMEOUTS = (1969, 3024)  # of MariaDB, of MySQL
_CHECK_CONSTRAINTS = (ER.CONSTRAINT_FAILED, 3819)  # of MariaDB, of MySQL

_OUTAGES = (
    *(CR.CR_CONNECTION_ERROR, CR.CR_CONN_HOST_ERROR, CR.CR_SERVER_GONE_ERROR, CR.CR_SERVER_LOST),
    *(ER.CON_COUNT_ERROR, ER.TOO_MANY_USER_CONNECTIONS, ER.USER_LIMIT_REACHED, ER.OUT_OF_RESOURCES),
    *(ER.SERVER_SHUTDOWN, ER.QUERY_INTERRUPTED, ER.OPTION_PREVENTS_STATEMENT, ER.RECORD_FILE_FULL),
    *(ER.LOCK_DEADLOCK, ER.LOCK_WAIT_TIMEOUT),
    *(_DISK_FULL, _READ_ONLY_TRANSACTION, _READ_ONLY_MODE, _CONNECTION_KILLED, *_STATEMENT_TIMEOUTS),
)
_MISCONFIGURED = (
    *(ER.ACCESS_DENIED_ERROR, ER.DBACCESS_DENIED_ERROR, ER.BAD_DB_ERROR),
    1698,  # the server expects another way to authenticate
)
_VIOLATED = re.compile(r"for key '(?:\w+\.)?(\w+)'$|CONSTRAINT `(\w+)`|^Check constraint '(\w+)'")

# The driver logs each note of the server, even that a primary key needs no name.
logging.getLogger("asyncmy").setLevel(logging.ERROR)


class Timestamp(TypeDecorator[datetime]):
    """A moment with microseconds, stored in UTC: MySQL has no time zones."""

    impl = DATETIME(fsp=6)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC)


def create_engines(settings: Settings) -> tuple[AsyncEngine, AsyncEngine]:
    """An engine for transactions, and an engine for reads in autocommit mode."""
    writer = _create_engine(settings.database_url, settings, isolation_level="READ COMMITTED")
    event.listen(writer.sync_engine, "reset", _release_locks)
    return writer, _create_reader(settings.database_url, settings)


def create_replica_engine(settings: Settings) -> AsyncEngine | None:
    """An engine for reads on the replica, in autocommit mode. None without `DATABASE_REPLICA_URL`."""
    url = settings.database_replica_url
    return _create_reader(url, settings) if url else None


def create_migration_engine(settings: Settings) -> AsyncEngine:
    """An engine for migrations. Only one process migrates at a time, and there is no statement timeout."""
    engine = create_async_engine(
        settings.database_url,
        hide_parameters=True,
        poolclass=NullPool,
        isolation_level="READ COMMITTED",
        connect_args={"init_command": _session_variables()},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: DBAPIConnection, _: object) -> None:
        # The lock lasts until the connection closes, because each change of the schema commits.
        cursor = connection.cursor()
        try_lock = f"SELECT get_lock({_MIGRATION_LOCK}, 0)"
        cursor.execute(try_lock)
        while cursor.fetchone() != (1,):
            time.sleep(MIGRATION_LOCK_INTERVAL_SECONDS)
            cursor.execute(try_lock)
        # New tables have the collation of the database. This one tells all strings apart, even 'a', 'A' and 'a '.
        cursor.execute("SELECT version() LIKE '%MariaDB%'")
        collation = "utf8mb4_nopad_bin" if cursor.fetchone() == (1,) else "utf8mb4_0900_bin"
        cursor.execute(f"ALTER DATABASE CHARACTER SET utf8mb4 COLLATE {collation}")
        cursor.close()

    return engine


async def insert_if_absent(session: AsyncSession, model: type[Any], values: Mapping[str, Any]) -> bool:
    """Insert a row. False if there is one with the same key. If another transaction inserts it, wait for its end."""
    # Not INSERT IGNORE, which also ignores other errors. The error of a duplicate undoes only its own statement.
    try:
        await session.execute(insert(model).values(values))
    except IntegrityError as error:
        if _code(error) == ER.DUP_ENTRY:
            return False
        raise
    return True


async def upsert(
    session: AsyncSession, model: type[Any], values: Mapping[str, Any], key: Sequence[str], changes: Mapping[str, Any]
) -> None:
    """Insert a row. If there is one with the same `key`, make the `changes` to it instead."""
    # MySQL makes the changes one after the other: a list keeps their order.
    await session.execute(insert(model).values(values).on_duplicate_key_update(list(changes.items())))


async def update_unlocked(
    session: AsyncSession, model: type[Any], ids: Select[Any], changes: Mapping[str, Any], columns: Sequence[Any]
) -> Sequence[Row[Any]]:
    """Change the rows with these ids. Returns some columns of them. Skips rows that another transaction has locked."""
    unlocked = (await session.scalars(ids.with_for_update(skip_locked=True))).all()
    if not unlocked:
        return []
    changed = update(model).where(model.id.in_(unlocked)).values(changes)
    await session.execute(changed.execution_options(synchronize_session=False))
    return (await session.execute(select(*columns).where(model.id.in_(unlocked)))).all()


async def try_lock(session: AsyncSession, key: int) -> bool:
    """Take the lock of a signed 64-bit key until the transaction ends. False if another transaction has it."""
    name = func.sha2(func.concat(func.database(), f".{key}"), 256)
    if not await session.scalar(select(func.get_lock(name, 0))):
        return False
    # The lock belongs to the connection, which releases it when it returns to the pool.
    connection = await session.connection()
    connection.info[_HOLDS_LOCKS] = True
    return True


def is_less(columns: Sequence[Any], values: Sequence[Any]) -> ColumnElement[bool]:
    """Whether two columns of a row are less than these two values. MySQL uses no index to compare tuples."""
    (first, second), (first_value, second_value) = columns, values
    return and_(first <= first_value, or_(first < first_value, second < second_value))


def violated_constraint(error: IntegrityError) -> str | None:
    """The name of the constraint that a statement violates; `PRIMARY` for a primary key."""
    found = _VIOLATED.search(_message(error))
    return next(filter(None, found.groups())) if found else None


def is_outage(error: Exception) -> bool:
    """Whether the database failed, and not the statement. The same request may succeed later."""
    if isinstance(error, DBAPIError):
        return error.connection_invalidated or _code(error) in _OUTAGES
    return isinstance(error, PoolTimeoutError | OSError | MySQLError)


def is_misconfigured(error: Exception) -> bool:
    """Whether no retry helps, because the server refuses the configured user, password or database."""
    return _code(error) in _MISCONFIGURED


def lacks_table(error: Exception) -> bool:
    """Whether the statement names a table that no migration has created yet."""
    return _code(error) == ER.NO_SUCH_TABLE


def _create_reader(url: str, settings: Settings) -> AsyncEngine:
    return _create_engine(url, settings, isolation_level="AUTOCOMMIT", skip_autocommit_rollback=True)


def _create_engine(url: str, settings: Settings, **options: Any) -> AsyncEngine:
    seconds = settings.database_statement_timeout_seconds
    engine = create_async_engine(
        url,
        pool_size=settings.database_pool_size,
        max_overflow=0,
        pool_timeout=settings.database_acquire_timeout_seconds,
        pool_use_lifo=True,
        pool_recycle=IDLE_TIMEOUT_SECONDS // 2,
        hide_parameters=True,  # errors are logged
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_SECONDS,
            "read_timeout": seconds + 1 if _CANCELS_READS else None,
            "init_command": _session_variables(statement_timeout_seconds=seconds),
        },
        **options,
    )
    event.listen(engine.sync_engine, "handle_error", _as_integrity_error, retval=True)
    return engine


def _session_variables(*, statement_timeout_seconds: float | None = None) -> str:
    variables = {
        "sql_mode": "'TRADITIONAL'",  # refuse a value that does not fit, instead of changing it
        "time_zone": "'+00:00'",
        "wait_timeout": IDLE_TIMEOUT_SECONDS,
    }
    statement = "SET " + ", ".join(f"{name} = {value}" for name, value in variables.items())
    if statement_timeout_seconds is None:
        return statement
    # MySQL limits only SELECT; a change ends at the latest when it has waited for a lock of a row or a table. The
    # number in the comment hides a variable from MariaDB, and M hides one from MySQL.
    seconds = max(1, int(statement_timeout_seconds))
    return (
        f"{statement}, innodb_lock_wait_timeout = {seconds}, lock_wait_timeout = {seconds}"
        f"/*!80000 , max_execution_time = {int(statement_timeout_seconds * 1000)} */"
        f"/*M! , max_statement_time = {statement_timeout_seconds} */"
    )


def _release_locks(connection: DBAPIConnection, entry: ConnectionPoolEntry, state: PoolResetState) -> None:
    if entry.info.pop(_HOLDS_LOCKS, False) and state.asyncio_safe:
        cursor = connection.cursor()
        cursor.execute("DO release_all_locks()")
        cursor.close()


def _as_integrity_error(context: ExceptionContext) -> Exception | None:
    """The drivers of other databases raise an IntegrityError for a check constraint, too."""
    error = context.sqlalchemy_exception
    if isinstance(error, DBAPIError) and _code(error) in _CHECK_CONSTRAINTS:
        return IntegrityError(error.statement, error.params, error.orig or error, hide_parameters=True)
    return None


def _code(error: Exception) -> int | None:
    cause = error.orig if isinstance(error, DBAPIError) else error
    return cause.args[0] if isinstance(cause, MySQLError) and cause.args else None


def _message(error: DBAPIError) -> str:
    return str(error.orig.args[-1]) if error.orig else ""
