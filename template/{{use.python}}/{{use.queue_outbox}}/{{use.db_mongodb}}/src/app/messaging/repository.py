"""Reads and writes the outbox."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from app import clock
from app.database import Session, notify
from app.dialect import Fields
from app.messaging.models import Message, MessageState

CHANNEL = "messages"
"""The channel that a transaction notifies if it stores a message."""

_DEAD: Fields = {"state": MessageState.DEAD}


async def add(
    session: Session,
    *,
    event_id: UUID,
    event_type: str,
    subject: str,
    event: dict[str, Any],
    owner: str,
    request_id: str | None,
    traceparent: str | None,
    run_at: datetime,
) -> None:
    """Store a new message, and notify the workers after the commit."""
    message = Message(
        id=event_id,
        type=event_type,
        subject=subject,
        event=event,
        owner=owner,
        request_id=request_id,
        traceparent=traceparent,
        run_at=run_at,
    )
    await session.insert(message)
    notify(session, CHANNEL)


async def count_pending(session: Session) -> int:
    return await session.outside(Message).count_documents({"state": MessageState.PENDING})


async def list_dead(session: Session) -> Sequence[Message]:
    """All dead letters, the oldest first."""
    return await session.find(Message, _DEAD, [("sequence", 1)])


async def find_dead(session: Session, message_id: UUID) -> Message | None:
    return await session.find_one(Message, {"_id": message_id, **_DEAD})


async def redrive(session: Session, message_id: UUID | None) -> int:
    """Make one dead letter pending again, or all of them. Returns their number."""
    dead = _DEAD if message_id is None else {"_id": message_id, **_DEAD}
    return await session.update(Message, dead, {"state": MessageState.PENDING, "attempts": 0, "run_at": clock.now()})


async def delete_of_owner(session: Session, owner: str) -> None:
    await session.delete(Message, {"owner": owner})
