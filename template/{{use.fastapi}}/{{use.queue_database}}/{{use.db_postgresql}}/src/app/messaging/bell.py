"""Wakes the workers when there is something to do, so that they need not look all the time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import structlog
from sqlalchemy import event, make_url
from sqlalchemy.orm import Session

from app.config import Settings
from app.dialect import CONNECT_TIMEOUT_SECONDS
from app.lifecycle import wait

log = structlog.get_logger()

CHANNEL = "messages"
OF_DIALECT = ("async_fallback", "prepared_statement_cache_size", "prepared_statement_name_func")
CALM_SECONDS = 0.05
"""NOTIFY is sent at most once in this time: inside each transaction it would make commits wait for one another."""
PAUSE_AFTER_OUTAGE_SECONDS = 1


class Bell:
    """Rung by each commit that stored a message, in whichever process, through LISTEN and NOTIFY."""

    def __init__(self, settings: Settings) -> None:
        url = make_url(settings.database_url)
        _, options = url.get_dialect()().create_connect_args(url)
        # Asyncpg does not know what the dialect takes for itself.
        self._options = {name: value for name, value in options.items() if name not in OF_DIALECT}
        self._published = asyncio.Event()
        self._rung = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Returns when the bell rings, or after so many seconds: a notification may be lost."""
        await wait(self._rung, seconds)
        self._rung.clear()

    @asynccontextmanager
    async def hung(self, *, heard: bool) -> AsyncIterator[None]:
        """Rings from here on, and listens where a worker is to hear it."""
        event.listen(Session, "after_commit", self._note_published)
        task = asyncio.create_task(self._keep_connected(heard))
        try:
            yield
        finally:
            event.remove(Session, "after_commit", self._note_published)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def _note_published(self, session: Session) -> None:
        if session.info.pop("published", False):
            self._published.set()

    async def _keep_connected(self, heard: bool) -> None:
        while True:
            try:
                await self._connect(heard)
            except Exception as error:  # until the connection is back, workers look by themselves
                log.warning("workers not notified", error=repr(error))
            await asyncio.sleep(PAUSE_AFTER_OUTAGE_SECONDS)

    async def _connect(self, heard: bool) -> None:
        # A connection of its own: it hears notifications, and waits for no request to give one back.
        connection = await asyncpg.connect(**self._options, timeout=CONNECT_TIMEOUT_SECONDS)
        try:
            # A lost connection wakes the loop, which then fails to notify and connects anew.
            connection.add_termination_listener(lambda _: self._published.set())
            if heard:
                await connection.add_listener(CHANNEL, lambda *_: self._rung.set())
            while True:
                await self._published.wait()
                self._published.clear()
                await connection.execute(f"NOTIFY {CHANNEL}")
                await asyncio.sleep(CALM_SECONDS)
        finally:
            connection.terminate()
