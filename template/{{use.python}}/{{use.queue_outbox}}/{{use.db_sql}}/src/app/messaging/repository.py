"""Reads and writes the outbox. Workers claim a batch of messages under one lease, and handle them one by one."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, insert, select, update

from app import clock, dialect
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
    event: dict[str, Any],
    owner: str,
    request_id: str | None,
    run_at: datetime,
) -> None:
    """Store a new message, and notify the workers after the commit."""
    row = {"id": event_id, "type": event_type, "event": event, "owner": owner, "request_id": request_id}
    connection = await session.connection()
    # Faster than the unit of work: the session need not track a row that only the worker reads.
    await connection.execute(_INSERT, row | {"run_at": run_at})
    notify(session, CHANNEL)


async def claim(session: Session, lease: UUID, *, limit: int, seconds: float) -> list[Message]:
    """Claim due messages for `seconds`, the oldest first.

    A message that is due and still has a lease is orphaned: its worker died. An orphaned message is claimed alone. If
    it crashes its next worker, too, it does not delay other messages.
    """
    due = (
        select(Message.id)
        .where(Message.state == MessageState.PENDING, Message.run_at <= clock.now())
        .order_by(Message.run_at)
    )
    # A locked row is being handled: its worker lives, even if the lease is over.
    oldest = due.with_only_columns(Message.lease.is_not(None)).limit(1).with_for_update(skip_locked=True)
    is_orphaned = await session.scalar(oldest)
    changes = {"lease": lease, "run_at": _in(seconds), "attempts": Message.attempts + 1}
    claimed = await dialect.update_unlocked(session, Message, due.limit(1 if is_orphaned else limit), changes)
    return sorted(claimed, key=lambda message: message.created_at)


async def split(session: Session, message: Message, handlers: Sequence[str]) -> list[Message]:
    """Turn a claimed message into one message for each handler, so that each handler has its own retries."""
    message.handler = handlers[0]
    copies = [
        Message(
            owner=message.owner,
            type=message.type,
            event=message.event,
            handler=handler,
            request_id=message.request_id,
            run_at=message.run_at,
            lease=message.lease,
            attempts=message.attempts,
            created_at=message.created_at,
        )
        for handler in handlers[1:]
    ]
    session.add_all(copies)
    await session.flush()
    return [message, *copies]


async def extend(session: Session, lease: UUID, *, seconds: float) -> None:
    """Extend a lease. It skips the message that is being handled: its row is locked, so nobody else can claim it."""
    held = select(Message.id).where(Message.lease == lease)
    await dialect.update_unlocked(session, Message, held, {"run_at": _in(seconds)})


async def remove(session: Session, message: Message) -> bool:
    """Delete a claimed message, in the transaction of its handler. False if the lease was lost."""
    mine = delete(Message).where(Message.id == message.id, Message.lease == message.lease)
    return await execute_change(session, mine) > 0


async def retry(session: Session, message: Message, error: str, *, seconds: float) -> None:
    """Release a message whose handler failed. It is due again in `seconds`."""
    await _release(session, message, error, MessageState.PENDING, seconds)


async def give_up(session: Session, message: Message, error: str) -> bool:
    """Turn a message into a dead letter. False if the lease was lost."""
    return await _release(session, message, error, MessageState.DEAD, 0)


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


async def _release(session: Session, message: Message, error: str, state: MessageState, seconds: float) -> bool:
    mine = update(Message).where(Message.id == message.id, Message.lease == message.lease)
    changes = {"state": state, "run_at": _in(seconds), "lease": None, "last_error": error[:1000]}
    return await execute_change(session, mine.values(changes)) > 0


def _in(seconds: float) -> datetime:
    return clock.now() + timedelta(seconds=seconds)
