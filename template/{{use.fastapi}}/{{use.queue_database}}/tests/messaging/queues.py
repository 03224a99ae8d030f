"""A queue, and workers on it."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import clock
from app.config import Settings
from app.database import Database
from app.messaging.bell import Bell
from app.messaging.consumer import Consumer, Handler
from app.messaging.events import Event, publish
from app.messaging.models import Message

TYPE = "tea.poured"


class Log:
    """A handler that remembers what it was given."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    async def __call__(self, session: AsyncSession, event: Event) -> None:
        self.events.append(event)


async def fail(session: AsyncSession, event: Event) -> None:
    raise ValueError("the pot is empty")


def worker(database: Database, handler: Handler, **changes: Any) -> Consumer:
    """A consumer that gives messages of `TYPE` to the handler."""
    settings = Settings(app_env="test", database_url=str(database.writer.url), **changes)
    handlers: Mapping[str, Handler] = {TYPE: handler}
    return Consumer(settings, database, Bell(settings, database), handlers)


async def send(database: Database, count: int = 1) -> list[Event]:
    events = [Event(TYPE, subject=f"cup-{number}", data={}) for number in range(count)]
    async with database.transaction() as session:
        for event in events:
            await publish(session, event)
    return events


async def waiting(database: Database) -> Sequence[Message]:
    """The messages in the queue, the oldest first."""
    async with database.reading() as session:
        return (await session.scalars(select(Message).order_by(Message.id))).all()


async def make_due(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(update(Message).values(run_at=clock.now()))


async def rings_for_message(bell: Bell, sender: Database) -> bool:
    await send(sender)
    return await is_woken(bell)


async def is_woken(bell: Bell) -> bool:
    started_at = time.monotonic()
    await bell.wait(0.5)
    return time.monotonic() - started_at < 0.5
