"""The table of the outbox."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.database import Base, enum_column


class MessageState(StrEnum):
    PENDING = "pending"
    DEAD = "dead"


class Message(Base):
    """An event on its way to a handler. The row is deleted in the transaction of the handler."""

    __tablename__ = "messages"
    __table_args__ = (
        # In the order of a claim, which reads no more of it than it takes.
        Index("ix_messages_state_run_at_id", "state", "run_at", "id"),
        # Few messages are claimed at a time. A claim compares their subjects.
        Index("ix_messages_lease", "lease"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True, default=clock.new_id)
    owner: Mapped[str] = mapped_column(String(64))
    """The subject of the user whose data the event holds."""
    type: Mapped[str] = mapped_column(String(100))
    subject: Mapped[str] = mapped_column(String(255))
    """The subject of the event. The messages of one subject are handled in the order in which they were stored."""
    event: Mapped[dict[str, Any]] = mapped_column(JSON)
    handler: Mapped[str | None] = mapped_column(String(100))
    """The name of the handler. Only set if the event has several handlers, and each got its own message."""
    request_id: Mapped[str | None] = mapped_column(String(128))
    traceparent: Mapped[str | None] = mapped_column(String(55))
    """The W3C trace context of the request."""
    state: Mapped[MessageState] = mapped_column(enum_column(MessageState, "state"), default=MessageState.PENDING)
    run_at: Mapped[datetime]
    """The message is due at this time. A claim sets it to the end of the lease."""
    lease: Mapped[UUID | None]
    """The id of the claim that holds the message. A worker that has lost its lease changes nothing."""
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(String(1000))
    created_at: Mapped[datetime] = mapped_column(default=clock.now)
