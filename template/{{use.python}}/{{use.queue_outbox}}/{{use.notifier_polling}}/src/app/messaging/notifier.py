"""Notifies the worker of new messages, so that it need not poll all the time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.config import Settings
from app.database import Database
from app.lifecycle import wait
from app.messaging.repository import CHANNEL


class Notifier:
    """Wakes the worker after each commit in this process that stored a message. A worker in another process polls."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._notified = asyncio.Event()
        database.listen(CHANNEL, self._notified.set)

    @asynccontextmanager
    async def running(self, *, listens: bool) -> AsyncIterator[None]:
        """Nothing runs in the background: the commit and the worker are in one process."""
        yield

    async def wait(self, seconds: float) -> None:
        """Return when there is a new message, or after `seconds`."""
        await wait(self._notified, seconds)
        self._notified.clear()
