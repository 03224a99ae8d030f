"""Sessions, pools, transactions."""

import asyncio
import time

import pytest
from sqlalchemy import func, select

from app import clock
from app.database import Database
from app.jobs import ScheduledJob
from tests import callers
from tests.conftest import Start
from tests.web import probes


def row(name: str) -> ScheduledJob:
    return ScheduledJob(name=name, due_at=clock.now())


async def count(database: Database) -> int | None:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(ScheduledJob))


async def test_a_transaction_is_stored_as_a_whole(database: Database) -> None:
    async with database.transaction() as session:
        session.add_all([row("a"), row("b")])
    assert await count(database) == 2


async def test_an_error_takes_all_of_a_transaction_back(database: Database) -> None:
    with pytest.raises(LookupError):
        async with database.transaction() as session:
            session.add(row("a"))
            await session.flush()
            raise LookupError
    assert await count(database) == 0


async def test_a_moment_comes_back_as_it_was_stored(database: Database) -> None:
    stored = row("a")
    async with database.transaction() as session:
        session.add(stored)
    async with database.reading() as session:
        found = await session.get_one(ScheduledJob, "a")
    assert found is not stored
    assert (found.due_at, found.due_at.tzinfo) == (stored.due_at, stored.due_at.tzinfo)


async def test_writers_at_once_do_not_fail(start: Start) -> None:
    service = await start()
    other = Database(service.state.settings)

    async def write(number: int) -> None:
        async with (service.state.database, other)[number % 2].transaction() as session:
            await session.get(ScheduledJob, "read before the write")
            await asyncio.sleep(0.002)
            session.add(row(f"{number}"))

    await asyncio.gather(*[write(number) for number in range(60)])
    assert await count(other) == 60
    await other.close()


async def test_an_exhausted_pool_refuses_in_time_and_recovers(start: Start) -> None:
    service = await start(probes.router, database_pool_size=1, database_acquire_timeout_seconds=0.1)
    client, database = callers.anybody(service), service.state.database
    async with database.reading() as session:
        await session.connection()
        assert database.connections()["in_use"] == 1
        started_at = time.perf_counter()
        refused = await client.get("/api/probe/stored")
        assert time.perf_counter() - started_at < 1
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert (await client.get("/api/probe/stored")).status_code == 200
    assert database.connections()["in_use"] == 0
