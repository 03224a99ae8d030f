"""Scheduled jobs."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi import FastAPI
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app import clock, jobs, worker
from app.database import Database
from app.jobs import Job, ScheduledJob, run_if_due, run_jobs
from tests.conftest import Start
from tests.waiting import eventually


async def test_a_job_runs_once_a_tick_with_two_schedulers(service: FastAPI, pass_time: Callable[[float], None]) -> None:
    runs: list[AsyncSession] = []

    async def run(session: AsyncSession) -> None:
        runs.append(session)

    job = Job("count", timedelta(hours=1), run)
    schedulers = [Database(service.state.settings) for _ in range(2)]
    for ticks in (1, 2):
        await asyncio.gather(*(run_if_due(database, job) for database in schedulers * 5))
        assert len(runs) == ticks
        pass_time(3600)
    await asyncio.gather(*(database.close() for database in schedulers))


async def test_a_job_that_fails_changes_nothing_and_is_tried_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LOOK_EVERY_SECONDS", 0.01)
    stop = asyncio.Event()
    found: list[ScheduledJob | None] = []

    async def fail_at_first(session: AsyncSession) -> None:
        found.append(await session.get(ScheduledJob, "effect"))
        session.add(ScheduledJob(name="effect", due_at=clock.now()))
        await session.flush()
        if len(found) == 1:
            raise ValueError("at first")
        stop.set()

    async with asyncio.timeout(5):
        await run_jobs(database, [Job("flaky", timedelta(hours=1), fail_at_first)], stop)
    assert found == [None, None]
    async with database.reading() as session:
        assert set(await session.scalars(select(ScheduledJob.name))) == {"effect", "flaky"}


@pytest.mark.parametrize("job", worker.JOBS, ids=lambda job: job.name)
async def test_the_jobs_of_the_worker_run(database: Database, job: Job) -> None:
    assert await run_if_due(database, job)
    assert not await run_if_due(database, job)


async def test_a_worker_inside_the_api_runs_jobs(start: Start) -> None:
    service = await start(embedded_worker=True)

    async def all_ran() -> bool:
        async with service.state.database.reading() as session:
            return {job.name for job in worker.JOBS} <= set(await session.scalars(select(ScheduledJob.name)))

    await eventually(all_ran)
