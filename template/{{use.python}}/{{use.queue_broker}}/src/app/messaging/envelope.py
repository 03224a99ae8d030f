"""What the relay gives to the broker, and what the broker delivers to a consumer."""

import json
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Self
from uuid import UUID

from app.messaging.events import Event
from app.messaging.models import Message

CONTENT_TYPE = "application/cloudevents+json"
HEADERS = {
    "request-id": "The id of the request that caused the event, if there was one.",
    "traceparent": "The W3C trace context of this request, if it had one.",
}
"""The headers that are also for other services."""
PARTITIONS = 4
"""Each partition has one consumer at a time, so it keeps the order. A new number needs queues that are empty."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """A message for the broker. `headers` are for the consumers of this service."""

    id: str
    type: str
    partition: int
    subject: str
    handler: str | None
    """The only handler that this message is for; None if it is for all."""
    body: bytes
    """The event as JSON."""
    headers: dict[str, str]

    @classmethod
    def of(cls, message: Message) -> Self:
        """The envelope of a message in the outbox."""
        headers = {"owner": message.owner, "attempts": str(message.attempts)}
        if message.handler:
            headers["handler"] = message.handler
        if message.request_id:
            headers["request-id"] = message.request_id
        if message.traceparent:
            headers["traceparent"] = message.traceparent
        return cls(
            id=str(message.id),
            type=message.type,
            partition=zlib.crc32(message.subject.encode()) % PARTITIONS,
            subject=message.subject,
            handler=message.handler,
            body=json.dumps(message.event).encode(),
            headers=headers,
        )


class UnsendableError(Exception):
    """The broker will never take a message, however often it is sent."""

    def __init__(self, envelope: Envelope, reason: str) -> None:
        super().__init__(reason)
        self.envelope = envelope


@dataclass(frozen=True, slots=True)
class Received:
    """A message that a consumer has received."""

    id: UUID
    event: Event
    owner: str
    handler: str | None
    request_id: str | None
    traceparent: str | None
    attempts: int
    """How often the handler has failed before."""
    is_repeated: bool
    """Whether the broker has delivered it before. The worker may have died while it handled the message."""
    starts: dict[str, int] = field(default_factory=dict)
    """The counted starts of each handler. During an outage of the database, a handler starts often, but counts once."""

    @classmethod
    def of(cls, delivery: "Delivery") -> Self:
        """The message of a delivery.

        Raises: ValueError, KeyError
        """
        return cls(
            id=UUID(delivery.id),
            event=Event.model_validate_json(delivery.body).model_copy(update={"owner": delivery.headers["owner"]}),
            owner=delivery.headers["owner"],
            handler=delivery.headers.get("handler"),
            request_id=delivery.headers.get("request-id"),
            traceparent=delivery.headers.get("traceparent"),
            attempts=int(delivery.headers["attempts"]),
            is_repeated=delivery.is_repeated,
        )


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as the broker delivers it: again and again, until it is acknowledged or refused."""

    id: str
    body: bytes
    headers: Mapping[str, str]
    is_repeated: bool
    acknowledge: Callable[[], Awaitable[None]]
    refuse: Callable[[], Awaitable[None]]
    """Put the message aside, where nobody receives it."""
