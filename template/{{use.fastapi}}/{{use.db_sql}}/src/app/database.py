"""The database: engines, sessions and the base of all models. `dialect.py` knows which database it is."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from enum import StrEnum
from typing import Any, ClassVar, Self, cast
from uuid import UUID

from sqlalchemy import Enum, MetaData, text
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.pool import QueuePool

from app import clock, dialect, metrics
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


class Resource:
    """What every table of resources has. Of two changes of one version, one fails, whichever process makes them."""

    id: Mapped[UUID] = mapped_column(primary_key=True, default=clock.new_id)
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
    updated_at: Mapped[datetime] = mapped_column(default=clock.now, onupdate=clock.now)
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # SQLAlchemy reads it, nothing changes it


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
    """Sessions that write in one transaction, and sessions that read without any. As a context it closes at the end."""

    def __init__(self, settings: Settings) -> None:
        self.writer, self.reader = dialect.create_engines(settings)
        self._writing = async_sessionmaker(self.writer, expire_on_commit=False)
        self._reading = async_sessionmaker(self.reader, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session in one transaction: committed at the end, rolled back on any error."""
        with metrics.database_transactions.time():
            async with self._writing() as session:
                yield session
                await session.commit()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session whose statements stand alone, which saves the round trips of a transaction."""
        with metrics.database_reads.time():
            async with self._reading() as session:
                yield session

    async def ping(self) -> None:
        """Raises when the database does not answer, or was never migrated."""
        async with self.reading() as session:
            (await session.execute(text("SELECT 1 FROM alembic_version"))).scalar_one()

    def connections(self) -> dict[str, int]:
        """How many pooled connections are `in_use` and `idle`."""
        pools = [cast(QueuePool, engine.pool) for engine in (self.writer, self.reader)]
        return {"in_use": sum(pool.checkedout() for pool in pools), "idle": sum(pool.checkedin() for pool in pools)}

    async def close(self) -> None:
        await self.writer.dispose()
        await self.reader.dispose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.close()
