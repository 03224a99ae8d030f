"""Scheduled jobs: each runs once a tick, however many workers there are."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import String, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app import clock, metrics
from app.database import Base, Database
from app.dialect import insert
from app.lifecycle import wait

log = structlog.get_logger()

LOOK_EVERY_SECONDS = 5


@dataclass(frozen=True, slots=True)
class Job:
    """Work that is due at every multiple of `every`. It runs in one transaction."""

    name: str
    every: timedelta
    run: Callable[[AsyncSession], Awaitable[None]]


class ScheduledJob(Base):
    """When a job is due next."""

    __tablename__ = "scheduled_jobs"

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    due_at: Mapped[datetime]


async def run_jobs(database: Database, jobs: Sequence[Job], stop: asyncio.Event) -> None:
    """Runs whatever is due, until `stop` is set."""
    while not stop.is_set():
        for job in jobs:
            try:
                if await run_if_due(database, job):
                    metrics.jobs.labels(job.name, "ok").inc()
            except Exception as error:  # the next look tries again, whatever it was
                metrics.jobs.labels(job.name, "failed").inc()
                log.error("job failed", job=job.name, exc_info=error)
        await wait(stop, LOOK_EVERY_SECONDS)


async def run_if_due(database: Database, job: Job) -> bool:
    """Runs the job unless it ran in this tick already, here or elsewhere."""
    now = clock.now()
    async with database.transaction() as session:
        await session.execute(insert(ScheduledJob).values(name=job.name, due_at=now).on_conflict_do_nothing())
        # The row stays locked until the job is done, so a second worker finds it moved on.
        due = update(ScheduledJob).where(ScheduledJob.name == job.name, ScheduledJob.due_at <= now)
        claimed = await session.scalar(due.values(due_at=_next_tick(job, now)).returning(ScheduledJob.name))
        if claimed is None:
            return False
        await job.run(session)
    return True


def _next_tick(job: Job, now: datetime) -> datetime:
    epoch = datetime.fromtimestamp(0, UTC)
    return now + job.every - (now - epoch) % job.every
