"""Remembers what was handled, and stores messages whose handler failed."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import ColumnElement, and_, delete, select, update

from app import clock, dialect
from app.database import Session, delete_some, execute_change
from app.messaging.consumer.models import HandledMessage
from app.messaging.envelope import Received
from app.messaging.models import Message, MessageState


async def remember(session: Session, event_id: UUID, handler: str) -> bool:
    """Remember that this transaction handles an event. False if the handler has handled the event before.

    If another transaction handles it now, wait for its end.
    """
    row = {"event_id": event_id, "handler": handler, "is_handled": True}
    if await dialect.insert_if_absent(session, HandledMessage, row):
        return True
    only_started = update(HandledMessage).where(_of(event_id, handler), HandledMessage.is_handled.is_(False))
    return await execute_change(session, only_started.values(is_handled=True, seen_at=clock.now())) > 0


async def count_start(session: Session, event_id: UUID, handler: str) -> int:
    """Count that a handler starts on a message that was delivered before. Returns the number of such starts."""
    row = {"event_id": event_id, "handler": handler, "is_handled": False, "starts": 1}
    changes = {"starts": HandledMessage.starts + 1}
    await dialect.upsert(session, HandledMessage, row, ("event_id", "handler"), changes)
    return await session.scalar(select(HandledMessage.starts).where(_of(event_id, handler))) or 0


async def store_again(
    session: Session,
    message: Received,
    handler: str,
    *,
    attempts: int,
    error: str,
    seconds: float | None,
    is_only: bool,
) -> bool:
    """Store a message for a handler that failed. It is due again in `seconds`; without them, it is a dead letter.

    False if it is stored already. `is_only` says that no other handler got the same message.
    """
    # The starts are part of `attempts` from now on.
    only_started = _of(message.event.id, handler), HandledMessage.is_handled.is_(False)
    await session.execute(delete(HandledMessage).where(*only_started))
    row: dict[str, Any] = {
        # The same id each time: if the broker repeats the message, it is stored once.
        "id": message.id if is_only else uuid5(message.id, handler),
        "owner": message.owner,
        "type": message.event.type,
        "subject": message.event.subject,
        "event": message.event.model_dump(mode="json"),
        "handler": handler or None,
        "request_id": message.request_id,
        "traceparent": message.traceparent,
        "state": MessageState.DEAD if seconds is None else MessageState.PENDING,
        "run_at": _in(seconds or 0),
        "attempts": attempts,
        "last_error": error[:1000],
        "created_at": message.event.time,
    }
    return await dialect.insert_if_absent(session, Message, row)


async def forget(session: Session, age: timedelta) -> bool:
    """Delete some of what was handled longer ago than `age`. True if there may be more."""
    return await delete_some(session, HandledMessage, HandledMessage.seen_at < clock.now() - age)


def _of(event_id: UUID, handler: str) -> ColumnElement[bool]:
    return and_(HandledMessage.event_id == event_id, HandledMessage.handler == handler)


def _in(seconds: float) -> datetime:
    return clock.now() + timedelta(seconds=seconds)
