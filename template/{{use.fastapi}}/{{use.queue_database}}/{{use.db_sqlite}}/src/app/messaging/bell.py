"""Wakes the worker when there is something to do, so that it need not look all the time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import event
from sqlalchemy.orm import Session

from app.config import Settings
from app.lifecycle import wait


class Bell:
    """Rung by each commit that stored a message in this process; other processes look once in a while."""

    def __init__(self, settings: Settings) -> None:
        self._rung = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Returns when the bell rings, or after so many seconds."""
        await wait(self._rung, seconds)
        self._rung.clear()

    @asynccontextmanager
    async def hung(self, *, heard: bool) -> AsyncIterator[None]:
        """Rings from here on."""
        event.listen(Session, "after_commit", self._ring_if_published)
        try:
            yield
        finally:
            event.remove(Session, "after_commit", self._ring_if_published)

    def _ring_if_published(self, session: Session) -> None:
        if session.info.pop("published", False):
            self._rung.set()
