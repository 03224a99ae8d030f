"""Claims messages of the outbox. A worker claims a batch under one lease."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select, update
from sqlalchemy.orm import aliased

from app import clock, dialect
from app.database import Session, execute_change
from app.messaging.models import Message, MessageState

_LOCK = int.from_bytes(hashlib.blake2b(b"claim", digest_size=8).digest(), signed=True)


class Claimed(NamedTuple):
    """A message that a worker has claimed."""

    id: UUID
    type: str
    subject: str
    event: dict[str, Any]
    handler: str | None
    request_id: str | None
    traceparent: str | None
    lease: UUID
    attempts: int
    """How often the message was claimed, this time included."""
    created_at: datetime


_COLUMNS = (
    *(Message.id, Message.type, Message.subject, Message.event, Message.handler),
    *(Message.request_id, Message.traceparent, Message.lease, Message.attempts, Message.created_at),
)


async def claim(session: Session, lease: UUID, *, limit: int, seconds: float) -> list[Claimed] | None:
    """Claim due messages for `seconds`, the oldest first. None if another transaction is claiming.

    While a message is claimed, later messages of its subject wait, so one worker handles them in their order. A message
    that is due and still has a lease is orphaned: its worker died. An orphaned message is claimed alone. If it crashes
    its next worker, too, it does not delay the messages of other subjects.
    """
    # Two claims at a time would not see which subjects the other one claims.
    if not await dialect.try_lock(session, _LOCK):
        return None
    due = (
        select(Message.id)
        .where(Message.state == MessageState.PENDING, Message.run_at <= clock.now(), ~_waits_for_its_subject())
        .order_by(Message.run_at, Message.id)
    )
    # A locked row is being handled: its worker lives, even if the lease is over.
    oldest = due.with_only_columns(Message.lease.is_not(None)).limit(1).with_for_update(skip_locked=True)
    is_orphaned = await session.scalar(oldest)
    changes = {"lease": lease, "run_at": _in(seconds), "attempts": Message.attempts + 1}
    claimed = await dialect.update_unlocked(session, Message, due.limit(1 if is_orphaned else limit), changes, _COLUMNS)
    return sorted(map(Claimed._make, claimed), key=lambda message: (message.created_at, message.id))


async def split(session: Session, claimed: Claimed, handlers: Sequence[str]) -> list[Claimed]:
    """Turn a claimed message into one message for each handler, so that each handler has its own retries.

    Returns no message if the lease was lost.
    """
    message = await session.scalar(select(Message).where(_held([claimed])).with_for_update())
    if message is None:
        return []
    message.handler = handlers[0]
    copies = [
        Message(
            id=clock.new_id(),
            owner=message.owner,
            type=message.type,
            subject=message.subject,
            event=message.event,
            handler=handler,
            request_id=message.request_id,
            traceparent=message.traceparent,
            run_at=message.run_at,
            lease=message.lease,
            attempts=message.attempts,
            created_at=message.created_at,
        )
        for handler in handlers[1:]
    ]
    session.add_all(copies)
    return [claimed._replace(id=each.id, handler=each.handler) for each in (message, *copies)]


async def extend(session: Session, messages: Sequence[Claimed], *, seconds: float) -> None:
    """Extend a lease. It skips the messages being handled: their rows are locked, so nobody else can claim them."""
    await dialect.update_unlocked(
        session, Message, select(Message.id).where(_held(messages)), {"run_at": _in(seconds)}, [Message.id]
    )


async def remove(session: Session, messages: Sequence[Claimed]) -> bool:
    """Delete messages of one claim, in the transaction of their handlers. False if the lease of one was lost."""
    return await execute_change(session, delete(Message).where(_held(messages))) == len(messages)


async def retry(session: Session, message: Claimed, error: str, *, seconds: float) -> None:
    """Release a message whose handler failed. It is due again in `seconds`."""
    await _release(session, message, error, MessageState.PENDING, seconds)


async def give_up(session: Session, message: Claimed, error: str) -> bool:
    """Turn a message into a dead letter. False if the lease was lost."""
    return await _release(session, message, error, MessageState.DEAD, 0)


async def _release(session: Session, message: Claimed, error: str, state: MessageState, seconds: float) -> bool:
    changes = {"state": state, "run_at": _in(seconds), "lease": None, "last_error": error[:1000]}
    return await execute_change(session, update(Message).where(_held([message])).values(changes)) > 0


def _held(messages: Sequence[Claimed]) -> ColumnElement[bool]:
    """Which messages of one claim are still claimed by it."""
    return and_(Message.id.in_([message.id for message in messages]), Message.lease == messages[0].lease)


def _waits_for_its_subject() -> ColumnElement[bool]:
    """Whether a worker has claimed an earlier message of the same subject."""
    claimed = aliased(Message)
    is_earlier = or_(Message.lease.is_(None), claimed.created_at < Message.created_at)
    return exists().where(and_(claimed.subject == Message.subject, claimed.lease.is_not(None), is_earlier))


def _in(seconds: float) -> datetime:
    return clock.now() + timedelta(seconds=seconds)
