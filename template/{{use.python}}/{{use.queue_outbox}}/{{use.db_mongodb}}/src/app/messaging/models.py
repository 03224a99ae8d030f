"""The collection of the outbox."""

from enum import StrEnum
from typing import Any
from uuid import UUID

from app.database import Entity
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
    event: dict[str, Any]
    handler: str | None = None
    """The name of the handler. Only set if the event has several handlers, and each got its own message."""
    request_id: str | None = None
    traceparent: str | None = None
    """The W3C trace context of the request."""
    state: MessageState = MessageState.PENDING
    run_at: Timestamp
    """The message is due at this time. A claim sets it to the end of the lease."""
    lease: UUID | None = None
    """The id of the claim that holds the message. A worker that has lost its lease changes nothing."""
    attempts: int = 0
    last_error: str | None = None
