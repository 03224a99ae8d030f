"""The API and the worker as processes that are told to stop."""

import asyncio
import signal
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from httpx2 import AsyncClient, HTTPError
from sqlalchemy import select

from app import clock
from app.config import Settings
from app.database import Database
from app.jobs import ScheduledJob
from app.worker import JOBS
from tests.processes import free_port, is_ready, running
from tests.waiting import eventually

KILLED_BY_SIGTERM = 128 + signal.SIGTERM


@pytest.fixture
async def client() -> AsyncIterator[AsyncClient]:
    async with AsyncClient(base_url=f"http://127.0.0.1:{free_port()}") as client:
        yield client


@pytest.fixture
async def api(database_url: str, tmp_path: Path, client: AsyncClient) -> AsyncIterator[Process]:
    settings = {"DATABASE_URL": database_url, "PORT": client.base_url.port, "SHUTDOWN_DELAY_SECONDS": 0.5}
    async with running("tests.slow_api", tmp_path, **settings) as process:
        await eventually(lambda: is_ready(client))
        yield process


@pytest.fixture
async def busy_worker(database_url: str, tmp_path: Path, release: asyncio.Event) -> AsyncIterator[Process]:
    """A worker in the middle of a job, until `release` is set."""
    database = Database(Settings(app_env="test", database_url=database_url))

    async def hold_jobs_back() -> None:
        async with database.transaction() as session:
            session.add_all(ScheduledJob(name=job.name, due_at=clock.now()) for job in JOBS)
            await session.flush()
            held.set()
            await release.wait()
            await session.rollback()

    held = asyncio.Event()
    holder = asyncio.create_task(hold_jobs_back())
    await held.wait()
    settings = {"DATABASE_URL": database_url, "SHUTDOWN_GRACE_SECONDS": 2}
    async with running("app.worker", tmp_path, **settings) as process:
        assert process.stdout
        assert b"worker started" in await process.stdout.readline()
        await asyncio.sleep(0.3)
        yield process
    release.set()
    await holder
    await database.close()


@pytest.fixture
def release() -> asyncio.Event:
    return asyncio.Event()


async def test_an_api_told_to_stop_is_not_ready_and_finishes_what_it_has_begun(
    api: Process, client: AsyncClient
) -> None:
    slow = asyncio.create_task(client.get("/slow/1.5"))
    await asyncio.sleep(0.2)
    api.terminate()
    await eventually(lambda: _drains(client))
    assert not slow.done()
    assert (await slow).status_code == 200
    assert await _exit_code(api) == 0


async def test_a_second_signal_stops_an_api_at_once(api: Process, client: AsyncClient) -> None:
    slow = asyncio.create_task(client.get("/slow/60"))
    await asyncio.sleep(0.2)
    api.terminate()
    await eventually(lambda: _drains(client))
    api.terminate()
    assert await _exit_code(api) == KILLED_BY_SIGTERM
    with pytest.raises(HTTPError):
        await slow


async def test_a_worker_told_to_stop_finishes_its_job(
    busy_worker: Process, release: asyncio.Event, database: Database
) -> None:
    busy_worker.terminate()
    await asyncio.sleep(0.3)
    assert busy_worker.returncode is None
    release.set()
    assert await _exit_code(busy_worker) == 0
    async with database.reading() as session:
        done = set(await session.scalars(select(ScheduledJob.name).where(ScheduledJob.due_at > clock.now())))
    assert done == {job.name for job in JOBS}


async def test_a_worker_that_cannot_finish_stops_when_its_grace_ends(busy_worker: Process) -> None:
    busy_worker.terminate()
    await asyncio.sleep(1)
    assert busy_worker.returncode is None
    assert await _exit_code(busy_worker, seconds=2) == 0


async def test_a_second_signal_stops_a_worker_at_once(busy_worker: Process) -> None:
    busy_worker.terminate()
    await asyncio.sleep(0.3)
    assert busy_worker.returncode is None
    busy_worker.terminate()
    assert await _exit_code(busy_worker, seconds=1) == KILLED_BY_SIGTERM


async def _drains(client: AsyncClient) -> bool:
    return (await client.get("/readyz")).status_code == 503


async def _exit_code(process: Process, seconds: float = 5) -> int:
    async with asyncio.timeout(seconds):
        return await process.wait()
