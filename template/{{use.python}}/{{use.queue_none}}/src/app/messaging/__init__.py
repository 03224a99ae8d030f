"""Events. They are only logged, because nothing handles them yet."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Never, Self

import click

from app.config import Settings
from app.database import Database, Session
from app.jobs import Job

Handlers = Mapping[str, Never]
"""There are no handlers."""

commands: tuple[click.Command, ...] = ()
jobs: tuple[Job, ...] = ()


async def erase(session: Session, owner: str) -> None:
    """Do nothing, because no event is stored."""


async def refusal(settings: Settings) -> str | None:
    """Always None, because there is no server."""
    return None


class Queue:
    """Stands in for a queue: no event is stored or handled."""

    dependencies: Mapping[str, Callable[[], Awaitable[None]]] = {}
    """How to ask the servers that the queue needs whether they answer: it needs none."""

    def __init__(self, settings: Settings, database: Database) -> None:
        pass

    @asynccontextmanager
    async def running(self, *, consumes: bool) -> AsyncIterator[Self]:
        yield self

    async def consume(self, handlers: Handlers, stop: asyncio.Event) -> None:
        """Wait until `stop` is set: there is nothing to consume."""
        await stop.wait()
