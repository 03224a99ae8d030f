"""The collections of the outbox."""

from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import Field

from app import clock
from app.database import Document, Entity
from app.dialect import Timestamp


class MessageState(StrEnum):
    PENDING = "pending"
    DEAD = "dead"


class Message(Entity):
    """An event on its way to a handler. The document is deleted in the transaction of the handler."""

    collection = "messages"

    owner: str
    """The subject of the user whose data the event holds."""
    type: str
    subject: str
    """The subject of the event. The messages of one subject are handled in the order in which they were stored."""
    event: dict[str, Any]
    handler: str | None = None
    """The name of the handler. Only set if the event has several handlers, and each got its own message."""
    request_id: str | None = None
    traceparent: str | None = None
    """The W3C trace context of the request."""
    state: MessageState = MessageState.PENDING
    run_at: Timestamp
    """The message is due at this time. A claim sets it to the end of the lease, which only its last message extends."""
    lease: UUID | None = None
    """The id of the claim that holds the message. A worker that has lost its lease changes nothing."""
    attempts: int = 0
    last_error: str | None = None
    sequence: int = Field(default_factory=lambda: microseconds(clock.now()))
    """When the message was stored, in microseconds since 1970. A time in MongoDB has only milliseconds."""


class Lock(Document):
    """Lets one transaction at a time take messages."""

    collection = "locks"
    id_fields = ("name",)

    name: str


def microseconds(moment: datetime) -> int:
    """The microseconds since 1970."""
    return (moment - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)
