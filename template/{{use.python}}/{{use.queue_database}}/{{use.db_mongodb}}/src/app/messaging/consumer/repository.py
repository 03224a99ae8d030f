"""Claims messages of the outbox. A worker claims a batch under one lease, and handles the messages one by one.

A lease is taken and extended outside of transactions. There, a change waits for the transaction that has changed the
document: for the handler of the message, whose worker lives. So these changes give up after a moment.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import pymongo
from pymongo.errors import PyMongoError

from app import clock
from app.database import Session
from app.dialect import Fields
from app.messaging.models import Message, MessageState

SECONDS_TO_CHANGE = 0.5


async def claim(session: Session, lease: UUID, *, limit: int, seconds: float) -> list[Message]:
    """Claim due messages for `seconds`, the oldest first.

    A message that is due and still has a lease is orphaned: its worker died. An orphaned message is claimed alone. If
    it crashes its next worker, too, it does not delay other messages.
    """
    due: Fields = {"state": MessageState.PENDING, "run_at": {"$lte": clock.now()}}
    found = session.outside(Message).find(due, {"lease": 1}).sort("run_at").limit(limit)
    messages = await found.to_list()
    if messages and messages[0]["lease"]:
        orphan = await _claim(session, lease, [messages[0]], due, seconds)
        if orphan:
            return orphan
    return await _claim(session, lease, [each for each in messages if not each["lease"]], due, seconds)


async def split(session: Session, message: Message, handlers: Sequence[str]) -> list[Message]:
    """Turn a claimed message into one message for each handler, so that each handler has its own retries."""
    message.handler = handlers[0]
    await session.update(Message, {"_id": message.id, "lease": message.lease}, {"handler": message.handler})
    copies = [message.model_copy(update={"id": clock.new_id(), "handler": handler}) for handler in handlers[1:]]
    await session.insert(*copies)
    return [message, *copies]


async def extend(session: Session, lease: UUID, *, seconds: float) -> None:
    """Extend a lease. It skips the message that is being handled: nobody else can claim it."""
    messages = session.outside(Message)
    held = await messages.find({"lease": lease}, {"_id": 1}).to_list()

    async def extend_one(message: Fields) -> None:
        await _change(session, {"_id": message["_id"], "lease": lease}, {"$set": {"run_at": _in(seconds)}})

    await asyncio.gather(*(extend_one(message) for message in held))


async def remove(session: Session, message: Message) -> bool:
    """Delete a claimed message, in the transaction of its handler. False if the lease was lost."""
    return await session.delete(Message, _mine(message)) > 0


async def retry(session: Session, message: Message, error: str, *, seconds: float) -> None:
    """Release a message whose handler failed. It is due again in `seconds`."""
    await _release(session, message, error, MessageState.PENDING, seconds)


async def give_up(session: Session, message: Message, error: str) -> bool:
    """Turn a message into a dead letter. False if the lease was lost."""
    return await _release(session, message, error, MessageState.DEAD, 0)


async def _claim(session: Session, lease: UUID, found: list[Fields], due: Fields, seconds: float) -> list[Message]:
    if not found:
        return []
    wanted = due | {"_id": {"$in": [message["_id"] for message in found]}}
    await _change(session, wanted, {"$set": {"lease": lease, "run_at": _in(seconds)}, "$inc": {"attempts": 1}})
    # Also after a change that gave up: what it has changed until then is claimed.
    claimed = await session.outside(Message).find({"lease": lease}).sort("created_at").to_list()
    return [Message.load(message) for message in claimed]


async def _change(session: Session, wanted: Fields, changes: Fields) -> None:
    try:
        with pymongo.timeout(SECONDS_TO_CHANGE):
            await session.outside(Message).update_many(wanted, changes)
    except PyMongoError as error:
        if not error.timeout:
            raise


async def _release(session: Session, message: Message, error: str, state: MessageState, seconds: float) -> bool:
    changes = {"state": state, "run_at": _in(seconds), "lease": None, "last_error": error[:1000]}
    return await session.update(Message, _mine(message), changes) > 0


def _mine(message: Message) -> Fields:
    return {"_id": message.id, "lease": message.lease}


def _in(seconds: float) -> datetime:
    return clock.now() + timedelta(seconds=seconds)
