"""Messages that were given up: look at them, and send them again."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any
from uuid import UUID

import click
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import clock
from app.config import settings_or_exit
from app.database import Database
from app.errors import Refusal
from app.messaging.events import Message, MessageState


def _in_transaction(work: Callable[..., Awaitable[list[str]]]) -> Callable[..., None]:
    """A command that prints the lines of what was done in one transaction."""

    async def run(**arguments: Any) -> list[str]:
        async with Database(settings_or_exit()) as database, database.transaction() as session:
            return await work(session, **arguments)

    @wraps(work)
    def command(**arguments: Any) -> None:
        for line in asyncio.run(run(**arguments)):
            click.echo(line)

    return command


@click.group("dead-letters")
def command() -> None:
    """Look at messages that were given up, and send them again."""


@command.command("list")
@_in_transaction
async def _list(session: AsyncSession) -> list[str]:
    """List dead letters, the oldest first."""
    dead = select(Message).where(Message.state == MessageState.DEAD).order_by(Message.created_at)
    found = await session.scalars(dead)
    return [f"{each.id}  {clock.rfc3339(each.created_at)}  {each.type}  {each.last_error}" for each in found]


@command.command("show")
@click.argument("message_id", type=click.UUID)
@_in_transaction
async def _show(session: AsyncSession, message_id: UUID) -> list[str]:
    """Show one dead letter as JSON."""
    message = await session.get(Message, message_id)
    if message is None or message.state is not MessageState.DEAD:
        raise _no_such_letter()
    shown = {"attempts": message.attempts, "last_error": message.last_error, "event": message.envelope}
    return [json.dumps(shown, indent=2)]


@command.command("redrive")
@click.argument("message_id", type=click.UUID, required=False)
@_in_transaction
async def _redrive(session: AsyncSession, message_id: UUID | None) -> list[str]:
    """Send one dead letter, or all of them, to the worker again."""
    again = update(Message).where(Message.state == MessageState.DEAD)
    if message_id is not None:
        again = again.where(Message.id == message_id)
    fresh = {"state": MessageState.PENDING, "attempts": 0, "run_at": clock.now()}
    sent = (await session.scalars(again.values(fresh).returning(Message.id))).all()
    if message_id is not None and not sent:
        raise _no_such_letter()
    return [f"{len(sent)} sent"]


def _no_such_letter() -> Refusal:
    return Refusal("not_found", "There is no such dead letter")
