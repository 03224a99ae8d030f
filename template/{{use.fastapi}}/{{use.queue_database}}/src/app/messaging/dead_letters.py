"""Messages that were given up: look at them, and send them again."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import clock
from app.errors import NotFound
from app.messaging.models import Message, MessageState


async def find_all(session: AsyncSession) -> Sequence[Message]:
    """The oldest first."""
    dead = select(Message).where(Message.state == MessageState.DEAD)
    return (await session.scalars(dead.order_by(Message.created_at))).all()


async def find(session: AsyncSession, message_id: UUID) -> Message:
    """Raises: NotFound."""
    message = await session.get(Message, message_id)
    if message is None or message.state is not MessageState.DEAD:
        raise NotFound("There is no such dead letter")
    return message


async def redrive(session: AsyncSession, message_id: UUID | None = None) -> int:
    """Sends one dead letter, or all of them, to the worker again.

    Returns:
        How many were sent.
    """
    again = update(Message).where(Message.state == MessageState.DEAD)
    if message_id is not None:
        again = again.where(Message.id == message_id)
    sent = await session.scalars(
        again.values(state=MessageState.PENDING, attempts=0, run_at=clock.now()).returning(Message.id)
    )
    session.info["published"] = True
    return len(sent.all())
