"""The queue: messages are claimed in batches, under a lease, and settled one by one.

Several workers may claim at once: none waits for the rows that another one holds, or they take turns to write.
"""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from prometheus_client import Counter, Gauge
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import clock
from app.dialect import insert
from app.messaging.events import HandledMessage, Message, MessageState

HANDLED_KEPT_FOR = timedelta(days=7)
LONGEST_PAUSE_SECONDS = 300

_random = secrets.SystemRandom()

pending = Gauge("outbox_pending", "Messages that wait for a worker")
published = Counter("outbox_published_total", "Messages that a worker has taken up")
dead_letters = Counter("dead_letters_total", "Messages given up", ["type"])


async def claim(session: AsyncSession, lease: UUID, *, limit: int, seconds: float) -> Sequence[Message]:
    """Takes due messages for so many seconds, the oldest first.

    A message that still has a lease outlived its worker. Such a one is taken alone: should it be what ended the
    worker, it takes no others along.
    """
    is_due = Message.state == MessageState.PENDING, Message.run_at <= clock.now()
    due = select(Message.id).where(*is_due).order_by(Message.run_at).with_for_update(skip_locked=True)
    is_orphan = await session.scalar(due.with_only_columns(Message.lease.is_not(None)).limit(1))
    claimed = await session.scalars(
        update(Message)
        .where(Message.id.in_(due.limit(1 if is_orphan else limit).scalar_subquery()))
        .values(lease=lease, run_at=clock.now() + timedelta(seconds=seconds), attempts=Message.attempts + 1)
        .returning(Message)
        .execution_options(synchronize_session=False)
    )
    # RETURNING keeps no sequence.
    return sorted(claimed, key=lambda message: message.created_at)


async def extend(session: AsyncSession, lease: UUID, *, seconds: float) -> None:
    """Keeps what is still held. Rows that are being handled are locked, which protects them as well."""
    held = select(Message.id).where(Message.lease == lease).with_for_update(skip_locked=True)
    await session.execute(
        update(Message)
        .where(Message.id.in_(held.scalar_subquery()))
        .values(run_at=clock.now() + timedelta(seconds=seconds))
        .execution_options(synchronize_session=False)
    )


async def hold(session: AsyncSession, message: Message) -> bool:
    """Locks a claimed message until the transaction ends; false when the lease was lost."""
    mine = select(Message.id).where(Message.id == message.id, Message.lease == message.lease)
    return await session.scalar(mine.with_for_update()) is not None


async def is_first(session: AsyncSession, message: Message) -> bool:
    """Notes a message as handled, in the transaction of its effect; false when it had its effect before."""
    noted = insert(HandledMessage).values(id=message.id).on_conflict_do_nothing()
    return await session.scalar(noted.returning(HandledMessage.id)) is not None


async def discard(session: AsyncSession, message: Message) -> None:
    await session.execute(delete(Message).where(Message.id == message.id))


async def give_back(session: AsyncSession, message: Message, error: str, *, max_attempts: int) -> None:
    """Lets a failed message wait, longer each time and never in step with others; after the last try it is dead."""
    is_dead = message.attempts >= max_attempts
    pause = min(2**message.attempts, LONGEST_PAUSE_SECONDS) * _random.uniform(0.5, 1)
    await session.execute(
        update(Message)
        .where(Message.id == message.id, Message.lease == message.lease)
        .values(
            state=MessageState.DEAD if is_dead else MessageState.PENDING,
            run_at=clock.now() + timedelta(seconds=pause),
            lease=None,
            last_error=error[:1000],
        )
    )
    if is_dead:
        dead_letters.labels(message.type).inc()


async def count_pending(session: AsyncSession) -> int:
    waiting = select(func.count()).select_from(Message).where(Message.state == MessageState.PENDING)
    return await session.scalar(waiting) or 0


async def purge(session: AsyncSession) -> None:
    """Forgets what was handled so long ago that it cannot be delivered again."""
    long_ago = clock.now() - HANDLED_KEPT_FOR
    await session.execute(delete(HandledMessage).where(HandledMessage.handled_at < long_ago))
