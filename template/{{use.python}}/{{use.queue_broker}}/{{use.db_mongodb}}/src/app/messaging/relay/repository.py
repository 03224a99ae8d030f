"""Takes messages out of the outbox."""

from collections.abc import Sequence
from uuid import UUID

from app import clock
from app.database import Session
from app.messaging.models import Lock, Message, MessageState


async def take_due(session: Session, limit: int) -> Sequence[Message]:
    """Delete the due messages that were stored first, and return them. None if another transaction does the same.

    They are deleted before they are sent. So a consumer that stores a message again, because its handler has failed,
    waits for the end of this transaction, which would otherwise delete the new document.
    """
    due = {"state": MessageState.PENDING, "run_at": {"$lte": clock.now()}}
    messages = await session.find(Message, due, [("run_at", 1), ("sequence", 1)], limit)
    # The lock also fails if another transaction has taken messages since this one has found its own.
    if not messages or not await session.try_lock(Lock, {"_id": "relay"}):
        return []
    await session.delete(Message, {"_id": {"$in": [message.id for message in messages]}})
    return messages


async def give_up(session: Session, message_id: UUID, error: str) -> None:
    """Make a message a dead letter."""
    await session.update(Message, {"_id": message_id}, {"state": MessageState.DEAD, "last_error": error[:1000]})
