"""A queue and its workers, without an API."""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Any
from unittest.mock import AsyncMock
from uuid import UUID

import pytest
import structlog

from app.config import Settings
from app.database import Database
from app.messaging import Queue
from app.messaging.events import Event, publish
from app.messaging.handlers import Handler
from app.messaging.models import Message
from app.messaging.notifier import Notifier
from tests import stored
from tests.conftest import eventually
from tests.messaging.workers import work


@pytest.fixture
async def database(database_url: str, queue: None) -> AsyncIterator[Database]:
    structlog.contextvars.clear_contextvars()
    async with Database(Settings(app_env="test", database_url=database_url)) as database:
        yield database


@pytest.fixture
async def notifier(database_url: str, database: Database) -> AsyncIterator[Notifier]:
    notifier = Notifier(Settings(app_env="test", database_url=database_url), database)
    async with notifier.running(listens=True):
        await eventually(lambda: is_notified_of_message(notifier, database))
        await notifier.wait(0.1)  # for a late notification
        yield notifier


def handler(name: str = "handle", **options: Any) -> AsyncMock:
    """A handler that records its calls. `options` are the options of the mock."""
    mock = AsyncMock(**options)
    mock.__name__ = name
    return mock


def failing(name: str = "fail") -> AsyncMock:
    return handler(name, side_effect=ValueError("the pot is empty"))


def subjects(handler: AsyncMock) -> list[str]:
    """The subjects of the events that a handler was called with."""
    return [call.args[1].subject for call in handler.await_args_list]


def handled_by(handler: AsyncMock) -> list[UUID]:
    """The ids of the events that a handler was called with."""
    return [call.args[1].id for call in handler.await_args_list]


class Worker:
    """A worker whose handlers take the events of the type `tea.poured`."""

    def __init__(self, database: Database, *handlers: Handler, **changes: Any) -> None:
        settings = Settings(app_env="test", database_url=stored.url_of(database), **changes)
        self.queue = Queue(settings, database)
        self.handlers = {"tea.poured": handlers}

    async def work(self) -> int:
        """Handle one batch. Returns the number of messages."""
        return await work(self.queue, self.handlers)


async def send(database: Database, count: int = 1) -> list[Event]:
    events = [Event(type="tea.poured", subject=f"cup-{number}", data={}) for number in range(count)]
    async with database.transaction() as session:
        for event in events:
            await publish(session, event, owner="ada")
    return events


async def waiting(database: Database) -> Sequence[Message]:
    """The messages in the queue, the oldest first."""
    async with database.reading() as session:
        return await stored.all_of(session, Message)


async def is_notified_of_message(notifier: Notifier, sender: Database) -> bool:
    await send(sender)
    return await is_notified(notifier)


async def is_notified(notifier: Notifier) -> bool:
    started_at = time.monotonic()
    await notifier.wait(0.5)
    return time.monotonic() - started_at < 0.5
