"""Claims messages of the outbox. A worker claims a batch under one lease."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Self
from uuid import UUID

from app import clock
from app.database import Session
from app.dialect import Fields
from app.messaging.models import Lock, Message, MessageState


class Claimed(NamedTuple):
    """A message that a worker has claimed."""

    id: UUID
    owner: str
    type: str
    subject: str
    event: dict[str, Any]
    handler: str | None
    request_id: str | None
    traceparent: str | None
    lease: UUID
    attempts: int
    """How often the message was claimed, this time included."""

    @classmethod
    def of(cls, message: Message, lease: UUID) -> Self:
        """A message as it is after its claim under `lease`."""
        fields = {name: getattr(message, name) for name in cls._fields}
        return cls(**fields | {"lease": lease, "attempts": message.attempts + 1})


async def claim(session: Session, lease: UUID, *, limit: int, seconds: float) -> list[Claimed] | None:
    """Claim due messages for `seconds`, the oldest first. None if another transaction is claiming.

    While a message is claimed, later messages of its subject wait, so one worker handles them in their order. A claimed
    message whose lease is over is orphaned: its worker died. An orphaned message is claimed alone. If it crashes its
    next worker, too, it does not delay the messages of other subjects.
    """
    for orphan in await _orphans(session):
        # The transaction of its worker may still lock it. Then, the next one is tried.
        wanted = {"_id": orphan.id, "lease": orphan.lease}
        if await session.try_update(Message, wanted, _changes(lease, seconds), attempts=1):
            return [Claimed.of(orphan, lease)]
    return await _claim_new(session, lease, limit, seconds)


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
    """Extend a lease. Nothing to do while its last message is being handled: nobody else can claim that one."""
    await session.try_update(Message, _held(messages[-1:]), {"run_at": _in(seconds)})


async def remove(session: Session, messages: Sequence[Claimed]) -> bool:
    """Delete messages of one claim, in the transaction of their handlers. False if the lease of one was lost."""
    return await session.delete(Message, _held(messages)) == len(messages)


async def retry(session: Session, message: Claimed, error: str, *, seconds: float) -> None:
    """Release a message whose handler failed. It is due again in `seconds`."""
    await _release(session, message, error, MessageState.PENDING, seconds)


async def give_up(session: Session, message: Claimed, error: str) -> bool:
    """Turn a message into a dead letter. False if the lease was lost."""
    return await _release(session, message, error, MessageState.DEAD, 0)


async def _orphans(session: Session) -> list[Message]:
    """The first claimed message of each subject, if its lease is over."""
    claimed = await session.find(Message, {"lease": {"$ne": None}}, [("sequence", 1)])
    running = {message.lease for message in claimed if message.run_at > clock.now()}
    first_of = {message.subject: message for message in reversed(claimed)}
    orphans = [message for message in first_of.values() if message.lease not in running]
    return sorted(orphans, key=lambda message: message.run_at)


async def _claim_new(session: Session, lease: UUID, limit: int, seconds: float) -> list[Claimed] | None:
    found = await session.find(
        Message,
        {
            "state": MessageState.PENDING,
            "run_at": {"$lte": clock.now()},
            "lease": None,
            "subject": {"$nin": await session.distinct(Message, "subject", {"lease": {"$ne": None}})},
        },
        [("run_at", 1), ("sequence", 1)],
        limit,
    )
    if not found:
        return []
    # The lock also fails if another transaction has claimed messages since this one has found its own.
    if not await session.try_lock(Lock, {"_id": "claim"}):
        return None
    wanted = {"_id": {"$in": [message.id for message in found]}}
    await session.update(Message, wanted, _changes(lease, seconds), attempts=1)
    return [Claimed.of(message, lease) for message in sorted(found, key=lambda message: message.sequence)]


def _changes(lease: UUID, seconds: float) -> Fields:
    return {"lease": lease, "run_at": _in(seconds)}


async def _release(session: Session, message: Claimed, error: str, state: MessageState, seconds: float) -> bool:
    changes = {"state": state, "run_at": _in(seconds), "lease": None, "last_error": error[:1000]}
    return await session.update(Message, _held([message]), changes) > 0


def _held(messages: Sequence[Claimed]) -> Fields:
    """Which messages of one claim are still claimed by it."""
    return {"_id": {"$in": [message.id for message in messages]}, "lease": messages[0].lease}


def _in(seconds: float) -> datetime:
    return clock.now() + timedelta(seconds=seconds)
