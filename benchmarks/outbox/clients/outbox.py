"""Publish events through the outbox of the service: `outbox.py COUNT RATE`."""

import asyncio
import time

from app.config import settings
from app.database import Database
from app.messaging.events import Event, publish
from app.messaging.notifier import Notifier

from benchmarks.outbox.clients.pacing import BATCH, batches


async def main() -> None:
    configured = settings()
    async with (
        Database(configured) as database,
        Notifier(configured, database).running(listens=False),
    ):
        async for number in batches():
            async with database.transaction() as session:
                for place in range(BATCH):
                    data = {"at": time.time()}
                    event = Event(type="bench.sent", subject=f"{number}-{place}", data=data)
                    await publish(session, event, owner="bench")


asyncio.run(main())
