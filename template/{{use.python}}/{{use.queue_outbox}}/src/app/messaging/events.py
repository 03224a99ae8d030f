"""Events, and how they are published: as rows in the transaction of the change that they report."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app import NAME, clock, context
from app.database import Session
from app.messaging import repository


class Event(BaseModel, frozen=True, json_schema_serialization_defaults_required=True):
    """Something that happened to `subject` (CloudEvents 1.0)."""

    specversion: Literal["1.0"] = "1.0"
    id: UUID = Field(default_factory=clock.new_id)
    source: str = NAME
    type: str
    subject: str = Field(max_length=255)
    time: datetime = Field(default_factory=clock.now)
    datacontenttype: Literal["application/json"] = "application/json"
    data: dict[str, Any]
    owner: str = Field(default="", exclude=True)
    """The subject of the user whose data the event holds. Handlers get it; it is not part of the envelope."""


async def publish(session: Session, event: Event, *, owner: str) -> None:
    """Store an event in the outbox. It is sent when the transaction commits, or never.

    `owner` is the subject of the user whose data the event holds: erasing the user deletes it.
    """
    cause = context.current()
    await repository.add(
        session,
        event_id=event.id,
        event_type=event.type,
        subject=event.subject,
        event=event.model_dump(mode="json"),
        owner=owner,
        request_id=cause.request_id or None,
        traceparent=cause.traceparent or None,
        run_at=event.time,
    )
