"""Claims messages of the outbox. A worker claims a batch under one lease.

A lease is taken and extended outside of transactions. There, a change waits for the transaction that has changed the
document: for the handler of the message, whose worker lives. So these changes give up after a moment.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import pymongo
from pymongo.errors import DuplicateKeyError, PyMongoError

from app import clock
from app.database import Session
from app.dialect import Fields
from app.messaging.models import ClaimTurn, Message, MessageState

SECONDS_TO_CHANGE = 0.5
TURN_SECONDS = 5
"""If a worker dies while it claims, the others wait this long."""

_OLDEST_FIRST = [("run_at", 1), ("sequence", 1)]


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


async def claim(session: Session, lease: UUID, *, limit: int, seconds: float) -> list[Claimed] | None:
    """Claim due messages for `seconds`, the oldest first. None if another worker is claiming.

    While a message is claimed, later messages of its subject wait, so one worker handles them in their order. A message
    that is due and still has a lease is orphaned: its worker died. An orphaned message is claimed alone. If it crashes
    its next worker, too, it does not delay the messages of other subjects.
    """
    # Two claims at a time would not see which subjects the other one claims.
    if not await _take_turn(session):
        return None
    return await _claim_due(session, lease, limit, seconds)


async def split(session: Session, claimed: Claimed, handlers: Sequence[str]) -> list[Claimed]:
    """Turn a claimed message into one message for each handler, so that each handler has its own retries.

    Returns no message if the lease was lost.
    """
    message = await session.lock(Message, _held([claimed]))
    if message is None:
        return []
    await session.update(Message, {"_id": message.id}, {"handler": handlers[0]})
    copies = [message.model_copy(update={"id": clock.new_id(), "handler": name}) for name in handlers[1:]]
    await session.insert(*copies)
    message.handler = handlers[0]
    return [claimed._replace(id=each.id, handler=each.handler) for each in (message, *copies)]


async def extend(session: Session, messages: Sequence[Claimed], *, seconds: float) -> None:
    """Extend a lease. It skips the messages being handled: nobody else can claim them."""
    change = {"$set": {"run_at": _in(seconds)}}
    await asyncio.gather(*(_change(session, _held([message]), change) for message in messages))


async def remove(session: Session, messages: Sequence[Claimed]) -> bool:
    """Delete messages of one claim, in the transaction of their handlers. False if the lease of one was lost."""
    return await session.delete(Message, _held(messages)) == len(messages)


async def retry(session: Session, message: Claimed, error: str, *, seconds: float) -> None:
    """Release a message whose handler failed. It is due again in `seconds`."""
    await _release(session, message, error, MessageState.PENDING, seconds)


async def give_up(session: Session, message: Claimed, error: str) -> bool:
    """Turn a message into a dead letter. False if the lease was lost."""
    return await _release(session, message, error, MessageState.DEAD, 0)


async def _take_turn(session: Session) -> bool:
    """Keep other workers from claiming until the transaction ends. False if another worker does the same."""
    turns, mine = session.outside(ClaimTurn), ClaimTurn(name="claim", until=_in(TURN_SECONDS)).dump()
    await turns.delete_one({"_id": mine["_id"], "until": {"$lte": clock.now()}})
    try:
        await turns.insert_one(mine)
    except DuplicateKeyError:
        return False
    session.at_end.push_async_callback(_end_turn, session, mine)
    return True


async def _end_turn(session: Session, turn: Fields) -> None:
    # Without an answer, the turn ends by its time.
    with suppress(PyMongoError), pymongo.timeout(SECONDS_TO_CHANGE):
        await session.outside(ClaimTurn).delete_one(turn)


async def _claim_due(session: Session, lease: UUID, limit: int, seconds: float) -> list[Claimed]:
    messages = session.outside(Message)
    due: Fields = {"state": MessageState.PENDING, "run_at": {"$lte": clock.now()}}
    claimed = await messages.find({"lease": {"$ne": None}}, {"subject": 1, "sequence": 1}).to_list()
    first_of: dict[str, int] = {}
    for each in claimed:
        first_of[each["subject"]] = min(each["sequence"], first_of.get(each["subject"], each["sequence"]))
    free = due | {"lease": None, "subject": {"$nin": list(first_of)}}
    found = await messages.find(free, {"run_at": 1}).sort(_OLDEST_FIRST).limit(limit).to_list()
    orphans = await messages.find(due | {"lease": {"$ne": None}}).sort(_OLDEST_FIRST).to_list()
    for orphan in orphans:
        if orphan["sequence"] > first_of[orphan["subject"]] or (found and orphan["run_at"] > found[0]["run_at"]):
            continue
        # The transaction of its worker may still lock it. Then, the next one is tried.
        await _change(session, due | {"_id": orphan["_id"], "lease": orphan["lease"]}, _lease(lease, seconds))
        if taken := await _taken(session, lease):
            return taken
    # Nobody handles a message without a lease, so nothing locks it.
    await messages.update_many(free | {"_id": {"$in": [each["_id"] for each in found]}}, _lease(lease, seconds))
    return await _taken(session, lease)


def _lease(lease: UUID, seconds: float) -> Fields:
    return {"$set": {"lease": lease, "run_at": _in(seconds)}, "$inc": {"attempts": 1}}


async def _taken(session: Session, lease: UUID) -> list[Claimed]:
    taken = await session.outside(Message).find({"lease": lease}).sort("sequence").to_list()
    return [Claimed(each["_id"], *(each[name] for name in Claimed._fields[1:])) for each in taken]


async def _change(session: Session, wanted: Fields, changes: Fields) -> None:
    try:
        with pymongo.timeout(SECONDS_TO_CHANGE):
            await session.outside(Message).update_many(wanted, changes)
    except PyMongoError as error:
        if not error.timeout:
            raise


async def _release(session: Session, message: Claimed, error: str, state: MessageState, seconds: float) -> bool:
    changes = {"state": state, "run_at": _in(seconds), "lease": None, "last_error": error[:1000]}
    return await session.update(Message, _held([message]), changes) > 0


def _held(messages: Sequence[Claimed]) -> Fields:
    """Which messages of one claim are still claimed by it."""
    return {"_id": {"$in": [message.id for message in messages]}, "lease": messages[0].lease}


def _in(seconds: float) -> datetime:
    return clock.now() + timedelta(seconds=seconds)
