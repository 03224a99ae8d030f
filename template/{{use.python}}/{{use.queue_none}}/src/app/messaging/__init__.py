"""Events: written to the log, because nothing handles them yet."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Never, Self

import click

from app.config import Settings
from app.database import Database, Session

Handlers = Mapping[str, Never]
"""There are no handlers."""

commands: tuple[click.Command, ...] = ()


async def erase(session: Session, owner: str) -> None:
    """Nothing is stored that could be erased."""


class Queue:
    """No queue."""

    def __init__(self, settings: Settings, database: Database) -> None:
        pass

    @asynccontextmanager
    async def running(self, *, consumes: bool) -> AsyncIterator[Self]:
        yield self

    async def consume(self, handlers: Handlers, stop: asyncio.Event) -> None:
        """Wait until `stop` is set: there is nothing to consume."""
        await stop.wait()
