"""Scheduled jobs: each job runs once per tick, however many workers there are."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from app import clock, metrics
from app.database import Database, Session
from app.jobs import repository
from app.lifecycle import wait

log = structlog.get_logger()

POLL_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is due at each tick: every multiple of `every` since 1970, in UTC."""

    name: str
    every: timedelta
    run: Callable[[Session], Awaitable[bool | None]]
    """Does the work, or a part of it, in one transaction. True if the job must run again in this tick."""


async def run_jobs(database: Database, jobs: Sequence[Job], stop: asyncio.Event) -> None:
    """Run each job when it is due, until `stop` is set."""
    while not stop.is_set():
        for job in jobs:
            while await _try_to_run(database, job) and not stop.is_set():
                pass
        await wait(stop, POLL_SECONDS)


async def run_if_due(database: Database, job: Job) -> bool:
    """Run the job, unless this or another worker has done it in this tick. False if there was nothing to do."""
    now = clock.now()
    async with database.transaction() as session:
        # The job stays locked until it is done. A second worker skips it.
        if not await repository.claim_due(session, job.name, now, next_due_at=_next_tick(job, now)):
            return False
        if await job.run(session):
            await repository.set_due(session, job.name, now)
    return True


async def _try_to_run(database: Database, job: Job) -> bool:
    try:
        if not await run_if_due(database, job):
            return False
    except Exception as error:  # the next poll tries again
        metrics.jobs.labels(job.name, "failed").inc()
        log.error("job failed", job=job.name, exc_info=error)
        return False
    metrics.jobs.labels(job.name, "ok").inc()
    return True


def _next_tick(job: Job, now: datetime) -> datetime:
    epoch = datetime.fromtimestamp(0, UTC)
    return now + job.every - (now - epoch) % job.every
