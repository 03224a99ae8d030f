"""Events, how they are stored, and how they leave: as rows in the transaction of the change they tell of."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Literal
from uuid import UUID

import structlog
from pydantic import BaseModel, Field
from sqlalchemy import JSON, Index, String, insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app import NAME, clock
from app.database import Base, word


class Event(BaseModel, frozen=True):
    """Something that happened to `subject` (CloudEvents 1.0)."""

    specversion: Literal["1.0"] = "1.0"
    id: UUID = Field(default_factory=clock.new_id)
    source: str = NAME
    type: str
    subject: str
    time: datetime = Field(default_factory=clock.now)
    datacontenttype: Literal["application/json"] = "application/json"
    data: dict[str, Any]


class MessageState(StrEnum):
    PENDING = "pending"
    DEAD = "dead"


class Message(Base):
    """An event on its way to its handler. It is deleted when it has been handled."""

    __tablename__ = "messages"
    __table_args__ = (Index("ix_messages_state_run_at", "state", "run_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=clock.new_id)
    type: Mapped[str] = mapped_column(String(100))
    envelope: Mapped[dict[str, Any]] = mapped_column(JSON)
    request_id: Mapped[str | None] = mapped_column(String(128))
    state: Mapped[MessageState] = mapped_column(word(MessageState, "state"), default=MessageState.PENDING)
    run_at: Mapped[datetime]
    """Not before this time. A worker that takes the message moves it to the end of its lease."""
    lease: Mapped[UUID | None]
    """Which claim holds the message; a worker whose lease was taken over settles nothing."""
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(String(1000))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)


class HandledMessage(Base):
    """A message whose effect is stored. It outlives the message, so that a redelivery has no second effect."""

    __tablename__ = "handled_messages"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    handled_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)


_INSERT = insert(Message)


async def publish(session: AsyncSession, event: Event) -> None:
    """Stores an event for the worker. It leaves when the transaction commits, or never."""
    row = {
        "id": event.id,
        "type": event.type,
        "envelope": event.model_dump(mode="json"),
        "request_id": structlog.contextvars.get_contextvars().get("request_id"),
        "run_at": event.time,
    }
    connection = await session.connection()
    # Past the session, which has nothing to remember of a row that only the worker reads.
    await connection.execute(_INSERT, row)
    session.info["published"] = True
