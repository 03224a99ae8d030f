"""Concurrent transactions."""

import asyncio

from app import clock
from app.config import Settings
from app.database import Database
from app.jobs.models import ScheduledJob
from tests import stored


async def test_concurrent_writers_do_not_fail(database: Database, database_url: str) -> None:
    async def write(number: int) -> None:
        writer = database if number % 2 else other
        async with writer.transaction() as session:
            await stored.find(session, ScheduledJob, "read before the write")
            await asyncio.sleep(0.002)
            await stored.add(session, ScheduledJob(name=f"{number}", due_at=clock.now()))

    async with Database(Settings(app_env="test", database_url=database_url)) as other:
        await asyncio.gather(*[write(number) for number in range(60)])
        async with other.reading() as session:
            assert len(await stored.all_of(session, ScheduledJob)) == 60
