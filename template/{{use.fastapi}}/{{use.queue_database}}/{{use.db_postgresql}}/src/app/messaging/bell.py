"""Wakes the workers when there is something to do, so that they need not look all the time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import structlog
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from app.config import Settings
from app.database import Database
from app.lifecycle import wait

log = structlog.get_logger()

CHANNEL = "messages"
CALM_SECONDS = 0.02
"""NOTIFY is sent at most once in this time: inside each transaction it would make commits wait for one another."""
PAUSE_AFTER_OUTAGE_SECONDS = 1


class Bell:
    """Rung by each commit that stored a message, in whichever process, through LISTEN and NOTIFY."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._dsn = settings.database_url.replace("+asyncpg", "")
        self._database = database
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
        tasks = [asyncio.create_task(self._keep_telling())]
        if heard:
            tasks.append(asyncio.create_task(self._keep_listening()))
        try:
            yield
        finally:
            event.remove(Session, "after_commit", self._note_published)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _note_published(self, session: Session) -> None:
        if session.info.pop("published", False):
            self._published.set()

    async def _keep_telling(self) -> None:
        while True:
            await self._published.wait()
            self._published.clear()
            try:
                async with self._database.reading() as session:
                    await session.execute(text(f"NOTIFY {CHANNEL}"))
            except Exception as error:  # workers look by themselves before long
                log.warning("workers not notified", error=repr(error))
            await asyncio.sleep(CALM_SECONDS)

    async def _keep_listening(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as error:  # until it is back, workers look by themselves
                log.warning("not listening", error=repr(error))
            await asyncio.sleep(PAUSE_AFTER_OUTAGE_SECONDS)

    async def _listen(self) -> None:
        closed = asyncio.Event()
        connection = await asyncpg.connect(self._dsn)
        try:
            connection.add_termination_listener(lambda _: closed.set())
            await connection.add_listener(CHANNEL, lambda *_: self._rung.set())
            await closed.wait()
        finally:
            await connection.close(timeout=1)
