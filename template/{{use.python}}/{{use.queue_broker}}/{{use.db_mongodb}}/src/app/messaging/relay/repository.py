"""Takes messages out of the outbox."""

from collections.abc import Sequence

from app import clock
from app.database import Session
from app.messaging.models import Message, MessageState


async def take_due(session: Session, limit: int) -> Sequence[Message]:
    """Delete the due messages that were stored first, and return them. None if another transaction does the same.

    They are deleted before they are sent. So a consumer that stores a message again, because its handler has failed,
    waits for the end of this transaction, which would otherwise delete the new document.
    """
    due = {"state": MessageState.PENDING, "run_at": {"$lte": clock.now()}}
    messages = await session.find(Message, due, [("run_at", 1), ("sequence", 1)], limit)
    ids = [message.id for message in messages]
    return messages if await session.try_delete(Message, {"_id": {"$in": ids}}) else []
