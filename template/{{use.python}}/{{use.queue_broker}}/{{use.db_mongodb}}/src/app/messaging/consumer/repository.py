"""Remembers what was handled, and stores messages whose handler failed."""

from datetime import datetime, timedelta
from uuid import UUID, uuid5

from app import clock
from app.database import Session, delete_some
from app.dialect import Fields
from app.messaging.consumer.models import HandledMessage
from app.messaging.envelope import Received
from app.messaging.models import Message, MessageState, microseconds


async def remember(session: Session, event_id: UUID, handler: str) -> bool:
    """Remember that this transaction handles an event. False if the handler has handled the event before.

    If another transaction handles it now, wait for its end.
    """
    absent = {"is_handled": False, "starts": 0, "seen_at": clock.now()}
    await session.upsert(HandledMessage, _of(event_id, handler), {"$setOnInsert": absent})
    only_started = _of(event_id, handler) | {"is_handled": False}
    return await session.update(HandledMessage, only_started, {"is_handled": True, "seen_at": clock.now()}) > 0


async def count_start(session: Session, event_id: UUID, handler: str) -> int:
    """Count that a handler starts on a message that was delivered before. Returns the number of such starts."""
    absent = {"is_handled": False, "seen_at": clock.now()}
    await session.upsert(HandledMessage, _of(event_id, handler), {"$inc": {"starts": 1}, "$setOnInsert": absent})
    counted = await session.get(HandledMessage, event_id, handler)
    return counted.starts if counted else 0


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
    again = Message(
        # The same id each time: if the broker repeats the message, it is stored once.
        id=message.id if is_only else uuid5(message.id, handler),
        owner=message.owner,
        type=message.event.type,
        subject=message.event.subject,
        event=message.event.model_dump(mode="json"),
        handler=handler or None,
        request_id=message.request_id,
        traceparent=message.traceparent,
        state=MessageState.DEAD if seconds is None else MessageState.PENDING,
        run_at=_in(seconds or 0),
        attempts=attempts,
        last_error=error[:1000],
        created_at=message.event.time,
        sequence=microseconds(message.event.time),
    ).dump()
    # This comes first, because it waits for a relay that has not committed yet.
    is_new = await session.upsert(Message, {"_id": again.pop("_id")}, {"$setOnInsert": again})
    # The starts are part of `attempts` from now on.
    await session.delete(HandledMessage, _of(message.event.id, handler) | {"is_handled": False})
    return is_new


async def forget(session: Session, age: timedelta) -> bool:
    """Delete some of what was handled longer ago than `age`. True if there may be more."""
    return await delete_some(session, HandledMessage, {"seen_at": {"$lt": clock.now() - age}})


def _of(event_id: UUID, handler: str) -> Fields:
    return {"_id": HandledMessage.stored_id(event_id, handler)}


def _in(seconds: float) -> datetime:
    return clock.now() + timedelta(seconds=seconds)
