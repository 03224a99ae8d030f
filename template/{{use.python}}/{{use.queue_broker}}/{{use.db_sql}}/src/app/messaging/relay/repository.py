"""Takes messages out of the outbox."""

import hashlib
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import delete, select, update

from app import clock, dialect
from app.database import Session, execute_change
from app.messaging.models import Message, MessageState

_LOCK = int.from_bytes(hashlib.blake2b(b"relay", digest_size=8).digest(), signed=True)


async def take_due(session: Session, limit: int) -> Sequence[Message]:
    """Delete the due messages that were stored first, and return them. None if another transaction does the same.

    They are deleted before they are sent. So a consumer that stores a message again, because its handler has failed,
    waits for the end of this transaction, which would otherwise delete the new row.
    """
    if not await dialect.try_lock(session, _LOCK):
        return []
    due = (
        select(Message)
        .where(Message.state == MessageState.PENDING, Message.run_at <= clock.now())
        .order_by(Message.run_at, Message.id)
        .limit(limit)
    )
    messages = (await session.scalars(due)).all()
    if messages:
        ids = [message.id for message in messages]
        await execute_change(session, delete(Message).where(Message.id.in_(ids)))
    return messages


async def give_up(session: Session, message_id: UUID, error: str) -> None:
    """Make a message a dead letter."""
    dead = {"state": MessageState.DEAD, "last_error": error[:1000]}
    await session.execute(update(Message).where(Message.id == message_id).values(dead))
