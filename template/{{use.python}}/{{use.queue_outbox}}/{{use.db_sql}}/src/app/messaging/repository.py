"""Reads and writes the outbox."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update

from app import clock
from app.database import Session, execute_change, notify
from app.messaging.models import Message, MessageState

CHANNEL = "messages"
"""The channel that a transaction notifies if it stores a message."""

_INSERT = insert(Message)


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
    row = {"id": event_id, "type": event_type, "subject": subject, "event": event, "owner": owner, "run_at": run_at}
    connection = await session.connection()
    # Faster than the unit of work: the session need not track a row that only the worker reads.
    await connection.execute(_INSERT, row | {"request_id": request_id, "traceparent": traceparent})
    notify(session, CHANNEL)


async def count_pending(session: Session) -> int:
    pending = select(func.count()).select_from(Message).where(Message.state == MessageState.PENDING)
    return await session.scalar(pending) or 0


async def list_dead(session: Session) -> Sequence[Message]:
    """All dead letters, the oldest first."""
    dead = select(Message).where(Message.state == MessageState.DEAD).order_by(Message.created_at)
    return (await session.scalars(dead)).all()


async def find_dead(session: Session, message_id: UUID) -> Message | None:
    return await session.scalar(select(Message).where(Message.id == message_id, Message.state == MessageState.DEAD))


async def redrive(session: Session, message_id: UUID | None) -> int:
    """Make one dead letter pending again, or all of them. Returns their number."""
    dead = update(Message).where(Message.state == MessageState.DEAD)
    if message_id is not None:
        dead = dead.where(Message.id == message_id)
    return await execute_change(session, dead.values(state=MessageState.PENDING, attempts=0, run_at=clock.now()))


async def delete_of_owner(session: Session, owner: str) -> None:
    await session.execute(delete(Message).where(Message.owner == owner))
