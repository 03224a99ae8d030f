"""The database: engines, sessions and the base of all models. `dialect.py` knows which database it is."""

import time
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, cast

from sqlalchemy import Connection, Enum, MetaData, event, text
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import QueuePool

from app import dialect, metrics
from app.config import Settings


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
    type_annotation_map: ClassVar[dict[Any, Any]] = {datetime: dialect.Timestamp}


def word(kind: type[StrEnum], name: str) -> Enum:
    """The type of a column that holds one word of an enumeration, as a constraint of this name makes sure."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=True,
        length=16,
        name=name,
        values_callable=lambda members: [member.value for member in members],
    )


class Database:
    """Sessions that write in one transaction, and sessions that read without any."""

    def __init__(self, settings: Settings) -> None:
        self.writer, self.reader = dialect.create_engines(settings)
        self._writing = async_sessionmaker(self.writer, expire_on_commit=False)
        self._reading = async_sessionmaker(self.reader, expire_on_commit=False)
        for engine in self._pools():
            _time_statements(engine)

    def transaction(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A session in one transaction: committed at the end, rolled back on any error."""
        return self._writing.begin()

    def reading(self) -> AbstractAsyncContextManager[AsyncSession]:
        """A session whose statements stand alone, which saves the round trips of a transaction."""
        return self._reading()

    async def ping(self) -> None:
        """Raises what the driver raises when the database does not answer."""
        async with self.reading() as session:
            await session.execute(text(dialect.PING))

    def connections(self) -> dict[str, int]:
        """How many pooled connections are `in_use` and `idle`."""
        pools = [cast(QueuePool, engine.pool) for engine in self._pools()]
        return {
            "in_use": sum(pool.checkedout() for pool in pools),
            "idle": sum(pool.checkedin() for pool in pools),
        }

    async def close(self) -> None:
        for engine in self._pools():
            await engine.dispose()

    def _pools(self) -> list[AsyncEngine]:
        shared = self.writer.pool is self.reader.pool
        return [self.writer] if shared else [self.writer, self.reader]


def _time_statements(engine: AsyncEngine) -> None:
    @event.listens_for(engine.sync_engine, "before_cursor_execute")
    def start(connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        context.started_at = time.perf_counter()

    @event.listens_for(engine.sync_engine, "after_cursor_execute")
    def stop(connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        metrics.statement_timer(statement[:6].rstrip()).observe(time.perf_counter() - context.started_at)
