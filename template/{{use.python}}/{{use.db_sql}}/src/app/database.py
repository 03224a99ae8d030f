"""The engines, the sessions and the base class of all models. What is specific to one database is in `dialect.py`."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Self, cast
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Delete,
    Enum,
    MetaData,
    Update,
    delete,
    inspect,
    select,
    text,
    tuple_,
)
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import QueuePool

from app import clock, dialect, metrics
from app.config import Settings
from app.replica import Replica

Session = AsyncSession
"""The session that services and handlers pass to repositories."""

DELETED_AT_ONCE = 1000
_AFTER_COMMIT = "after_commit"


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: dialect.Timestamp, bytes: dialect.Bytes}


class Resource:
    """The columns of every resource.

    `version` is for optimistic locking: each change increments it, and a change of an outdated version fails.
    """

    id: Mapped[UUID] = mapped_column(primary_key=True, default=clock.new_id)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # SQLAlchemy reads it, nothing changes it


def models() -> dict[str, type[Base]]:
    """All models, by name."""
    return {mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers}


def enum_column(kind: type[StrEnum], name: str) -> Enum:
    """The type of a column that holds the value of an enum member. `name` is the name of its CHECK constraint."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=16,
        name=name,
        values_callable=lambda members: [member.value for member in members],
    )


class Database:
    """Sessions that write in one transaction, and sessions that read. `async with` closes the engines at the end."""

    def __init__(self, settings: Settings) -> None:
        self.writer, self.reader = dialect.create_engines(settings)
        self._replica = Replica(settings, self.reader)
        self._writing = async_sessionmaker(self.writer, expire_on_commit=False)
        self._reading = async_sessionmaker(self.reader, expire_on_commit=False)
        self._listeners: dict[str, list[Callable[[], None]]] = {}

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """A session in one transaction: committed at the end, rolled back on any error."""
        with metrics.database_transactions.time():
            async with self._writing() as session:
                yield session
                await session.commit()
        for call in session.info.get(_AFTER_COMMIT, ()):
            if (running := call()) is not None:
                await running
        for channel, listeners in self._listeners.items():
            if channel in session.info:
                for listener in listeners:
                    listener()

    @asynccontextmanager
    async def reading(self, *, stale_ok: bool = False) -> AsyncIterator[Session]:
        """A session for reads, without the round trips of a transaction.

        Each statement sees its own snapshot: use one statement to load data that must be consistent. No lock outlives
        its statement. With `stale_ok`, a read replica may answer, which lacks the latest changes.
        """
        sessions = self._replica.sessions if stale_ok else self._reading
        with metrics.database_reads.time():
            async with sessions() as session:
                yield session

    async def ping(self) -> None:
        """Raise an error if the database does not answer or was never migrated."""
        async with self.reading() as session:
            (await session.execute(text("SELECT 1 FROM alembic_version"))).scalar_one()

    @property
    def dependencies(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """The servers that it can do without, by name. The functions raise an error if the server does not answer."""
        return self._replica.dependencies

    def listen(self, channel: str, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit in this process that was marked with `notify(session, channel)`."""
        self._listeners.setdefault(channel, []).append(listener)

    def connections(self) -> dict[str, int]:
        """The number of pooled connections that are `in_use` and `idle`."""
        pools = [cast(QueuePool, engine.pool) for engine in self._engines]
        return {"in_use": sum(pool.checkedout() for pool in pools), "idle": sum(pool.checkedin() for pool in pools)}

    async def close(self) -> None:
        for engine in self._engines:
            await engine.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.close()

    @property
    def _engines(self) -> tuple[AsyncEngine, ...]:
        return (self.writer, self.reader, *self._replica.engines)


def after_commit(session: Session, call: Callable[[], Awaitable[None] | None]) -> None:
    """Call a function after the commit of the transaction, and await what it returns. A rollback drops the call."""
    session.info.setdefault(_AFTER_COMMIT, []).append(call)


def notify(session: Session, channel: str) -> None:
    """Notify the listeners of a channel after the transaction has been committed."""
    session.info[channel] = True


async def execute_change(session: Session, statement: Update | Delete) -> int:
    """Execute a statement. Returns the number of rows that it has changed."""
    result = await session.execute(statement.execution_options(synchronize_session=False))
    return cast(CursorResult[Any], result).rowcount


async def delete_some(session: Session, model: type[Base], condition: ColumnElement[bool]) -> bool:
    """Delete up to `DELETED_AT_ONCE` rows, so that a transaction stays short. True if there may be more rows."""
    key = inspect(model).primary_key
    some = (await session.execute(select(*key).where(condition).limit(DELETED_AT_ONCE))).all()
    if some:
        await session.execute(delete(model).where(tuple_(*key).in_([tuple(row) for row in some])))
    return len(some) == DELETED_AT_ONCE
