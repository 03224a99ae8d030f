"""Commands for dead letters: messages whose handler failed too often."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any
from uuid import UUID

import click

from app import clock
from app.config import settings_or_exit
from app.database import Database, Session
from app.errors import DomainError
from app.messaging import repository


def _transactional(work: Callable[..., Awaitable[list[str]]]) -> Callable[..., None]:
    """Turn a coroutine function into a command that runs in one transaction and prints the returned lines."""

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
    """List, show and redrive dead letters."""


@command.command("list")
@_transactional
async def _list(session: Session) -> list[str]:
    """List dead letters, the oldest first."""
    messages = await repository.list_dead(session)
    return [f"{dead.id}  {clock.rfc3339(dead.created_at)}  {dead.type}  {dead.last_error}" for dead in messages]


@command.command("show")
@click.argument("message_id", type=click.UUID)
@_transactional
async def _show(session: Session, message_id: UUID) -> list[str]:
    """Show one dead letter as JSON."""
    message = await repository.find_dead(session, message_id)
    if message is None:
        raise _not_found()
    fields = ("attempts", "last_error", "request_id", "traceparent", "event")
    return [json.dumps({field: getattr(message, field) for field in fields}, indent=2)]


@command.command("redrive")
@click.argument("message_id", type=click.UUID, required=False)
@_transactional
async def _redrive(session: Session, message_id: UUID | None) -> list[str]:
    """Send one dead letter, or all of them, to the worker again."""
    count = await repository.redrive(session, message_id)
    if message_id is not None and not count:
        raise _not_found()
    return [f"{count} sent"]


def _not_found() -> DomainError:
    return DomainError("not_found", "There is no such dead letter")
