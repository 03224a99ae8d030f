"""A queue by itself, without an API around it that rings its own bell, and workers on it."""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any
from unittest.mock import AsyncMock

import pytest
import structlog
from sqlalchemy import select

from app.config import Settings
from app.database import Database
from app.messaging.bell import Bell
from app.messaging.consumer import Consumer, Handler
from app.messaging.events import Event, Message, publish
from tests.conftest import eventually


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    structlog.contextvars.clear_contextvars()
    async with Database(Settings(app_env="test", database_url=database_url)) as database:
        yield database


@pytest.fixture
async def bell(database_url: str, database: Database) -> AsyncIterator[Bell]:
    bell = Bell(Settings(app_env="test", database_url=database_url))
    async with bell.hung(heard=True):
        await eventually(lambda: rings_for_message(bell, database))
        await bell.wait(0.1)
        yield bell


fail = AsyncMock(side_effect=ValueError("the pot is empty"))


def subjects(handler: AsyncMock) -> list[str]:
    """Which events a handler was given."""
    return [call.args[1].subject for call in handler.await_args_list]


def worker(database: Database, handler: Handler, **changes: Any) -> Consumer:
    settings = Settings(app_env="test", database_url=str(database.writer.url), **changes)
    return Consumer(settings, database, Bell(settings), {"tea.poured": handler})


async def send(database: Database, count: int = 1) -> list[Event]:
    events = [Event(type="tea.poured", subject=f"cup-{number}", data={}) for number in range(count)]
    async with database.transaction() as session:
        for event in events:
            await publish(session, event)
    return events


async def waiting(database: Database) -> Sequence[Message]:
    """The messages in the queue, the oldest first."""
    async with database.reading() as session:
        return (await session.scalars(select(Message).order_by(Message.id))).all()


async def rings_for_message(bell: Bell, sender: Database) -> bool:
    await send(sender)
    return await is_woken(bell)


async def is_woken(bell: Bell) -> bool:
    started_at = time.monotonic()
    await bell.wait(0.5)
    return time.monotonic() - started_at < 0.5
