"""How messages are stored."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.database import Base, word
from app.ids import new_id


class MessageState(StrEnum):
    PENDING = "pending"
    DEAD = "dead"


class Message(Base):
    """An event on its way to its handler. It is deleted when it has been handled."""

    __tablename__ = "messages"
    __table_args__ = (Index("ix_messages_state_run_at", "state", "run_at"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=new_id)
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
