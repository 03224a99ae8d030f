"""Messages that were given up: look at them, and send them again."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import UUID

import click
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import clock
from app.config import settings_or_exit
from app.database import Database
from app.errors import NotFound
from app.messaging.models import Message, MessageState

T = TypeVar("T")


@click.group("dead-letters")
def command() -> None:
    """Look at messages that were given up, and send them again."""


@command.command("list")
def _list() -> None:
    """List dead letters, the oldest first."""
    for message in _in_transaction(find_all):
        click.echo(f"{message.id}  {clock.rfc3339(message.created_at)}  {message.type}  {message.last_error}")


@command.command("show")
@click.argument("message_id", type=click.UUID)
def _show(message_id: UUID) -> None:
    """Show one dead letter as JSON."""
    message = _in_transaction(lambda session: find(session, message_id))
    shown = {"attempts": message.attempts, "last_error": message.last_error, "event": message.envelope}
    click.echo(json.dumps(shown, indent=2))


@command.command("redrive")
@click.argument("message_id", type=click.UUID, required=False)
def _redrive(message_id: UUID | None) -> None:
    """Send one dead letter, or all of them, to the worker again."""
    click.echo(f"{_in_transaction(lambda session: redrive(session, message_id))} sent")


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
    """Sends one dead letter, or all of them, to the worker again; gives how many were sent."""
    again = update(Message).where(Message.state == MessageState.DEAD)
    if message_id is not None:
        again = again.where(Message.id == message_id)
    fresh = {"state": MessageState.PENDING, "attempts": 0, "run_at": clock.now()}
    sent = await session.scalars(again.values(fresh).returning(Message.id))
    session.info["published"] = True
    return len(sent.all())


def _in_transaction(work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database(settings_or_exit())
        try:
            async with database.transaction() as session:
                return await work(session)
        finally:
            await database.close()

    return asyncio.run(run())
