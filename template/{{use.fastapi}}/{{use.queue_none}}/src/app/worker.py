"""The worker: runs scheduled jobs. `python -m app.worker` starts one; any number may run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from app import auth, logs, metrics
from app.config import Settings, settings_or_exit
from app.database import Database
from app.jobs import Job, run_jobs
from app.lifecycle import stop_on_signal
from app.web import idempotency

log = structlog.get_logger()

JOBS = (
    *auth.jobs,
    Job("purge_idempotency_keys", timedelta(hours=1), idempotency.purge),
)


def main() -> None:
    settings = settings_or_exit()
    logs.configure(settings)
    with metrics.served(settings):
        asyncio.run(_serve(settings))


@asynccontextmanager
async def beside_api(settings: Settings, database: Database) -> AsyncIterator[None]:
    """What an API process does beside requests: it may be the worker itself."""
    stop = asyncio.Event()
    jobs = run_jobs(database, JOBS if settings.embeds_worker else (), stop)
    task = asyncio.create_task(jobs)
    try:
        yield
    finally:
        stop.set()
        await task


async def _serve(settings: Settings) -> None:
    stop = stop_on_signal(settings.shutdown_grace_seconds)
    log.info("worker started")
    async with Database(settings) as database:
        metrics.watch_pool(database.connections)
        await run_jobs(database, JOBS, stop)


if __name__ == "__main__":
    main()
