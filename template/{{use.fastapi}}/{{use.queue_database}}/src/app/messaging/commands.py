"""Commands for messages that were given up."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar
from uuid import UUID

import click
from sqlalchemy.ext.asyncio import AsyncSession

from app import clock
from app.config import settings_or_exit
from app.database import Database
from app.messaging import dead_letters as letters

T = TypeVar("T")


@click.group()
def dead_letters() -> None:
    """Look at messages that were given up, and send them again."""


@dead_letters.command("list")
def list_() -> None:
    """List dead letters, the oldest first."""
    for message in _in_transaction(letters.find_all):
        click.echo(f"{message.id}  {clock.rfc3339(message.created_at)}  {message.type}  {message.last_error}")


@dead_letters.command()
@click.argument("message_id", type=click.UUID)
def show(message_id: UUID) -> None:
    """Show one dead letter as JSON."""
    message = _in_transaction(lambda session: letters.find(session, message_id))
    click.echo(
        json.dumps(
            {"attempts": message.attempts, "last_error": message.last_error, "event": message.envelope}, indent=2
        )
    )


@dead_letters.command()
@click.argument("message_id", type=click.UUID, required=False)
def redrive(message_id: UUID | None) -> None:
    """Send one dead letter, or all of them, to the worker again."""
    count = _in_transaction(lambda session: letters.redrive(session, message_id))
    click.echo(f"{count} sent")


def _in_transaction(work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database(settings_or_exit())
        try:
            async with database.transaction() as session:
                return await work(session)
        finally:
            await database.close()

    return asyncio.run(run())


commands = (dead_letters,)
