"""Notifies the workers of new messages, so that they need not poll all the time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import structlog

from app import dialect
from app.config import Settings
from app.database import Database
from app.lifecycle import wait
from app.messaging.repository import CHANNEL

log = structlog.get_logger()

NOTIFY_INTERVAL_SECONDS = 0.05
"""NOTIFY is sent at most once per interval. Inside each transaction, it would make commits wait for each other."""
RECONNECT_SECONDS = 1


class Notifier:
    """Sends NOTIFY after each commit in this process that stored a message, and receives it from every process."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._options = dialect.connection_options(settings)
        self._stored = asyncio.Event()
        self._notified = asyncio.Event()
        database.listen(CHANNEL, self._stored.set)

    @asynccontextmanager
    async def running(self, *, listens: bool) -> AsyncIterator[None]:
        """Send notifications until the context ends. `listens` says whether this process also receives them."""
        task = asyncio.create_task(self._stay_connected(listens))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def wait(self, seconds: float) -> None:
        """Return when there is a new message, or after `seconds`: a notification may be lost."""
        await wait(self._notified, seconds)
        self._notified.clear()

    async def _stay_connected(self, listens: bool) -> None:
        while True:
            try:
                await self._connect(listens)
            except Exception as error:  # until the connection is back, workers poll
                log.warning("workers not notified", error=repr(error))
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _connect(self, listens: bool) -> None:
        # Not from the pool: this connection stays open, and requests need those of the pool.
        connection = await asyncpg.connect(**self._options, timeout=dialect.CONNECT_TIMEOUT_SECONDS)
        try:
            # A lost connection wakes the loop below. NOTIFY then fails, and `_stay_connected` connects again.
            connection.add_termination_listener(lambda _: self._stored.set())
            if listens:
                await connection.add_listener(CHANNEL, lambda *_: self._notified.set())
            while True:
                await self._stored.wait()
                self._stored.clear()
                await connection.execute(f"NOTIFY {CHANNEL}")
                await asyncio.sleep(NOTIFY_INTERVAL_SECONDS)
        finally:
            connection.terminate()
