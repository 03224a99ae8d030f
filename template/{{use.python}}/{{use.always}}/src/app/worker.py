"""The worker handles messages and runs scheduled jobs. `python -m app.worker` starts one; any number may run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from app import auth, dialect, idempotency, logs, messaging, metrics, webhooks
from app.config import Settings, exit_misconfigured, settings_or_exit
from app.database import Database
from app.jobs import run_jobs
from app.lifecycle import stop_on_signal
from app.messaging import Queue
from app.subscriptions import HANDLERS

log = structlog.get_logger()

JOBS = (*auth.jobs, *idempotency.jobs, *messaging.jobs, *webhooks.jobs)


def main() -> None:
    settings = settings_or_exit()
    logs.configure(settings)
    check_servers(settings)
    metrics.check_port(settings)
    with metrics.served(settings):
        asyncio.run(_serve(settings))


def check_servers(settings: Settings) -> None:
    """End the process with exit code 78 if `DATABASE_URL` or `QUEUE_URL` is wrong, because no retry would help.

    The process goes on if a server does not answer: it may answer later.
    """
    asyncio.run(_check_servers(settings))


@asynccontextmanager
async def background_tasks(settings: Settings, database: Database, queue: Queue) -> AsyncIterator[None]:
    """Run the background tasks of an API process. With `EMBEDDED_WORKER`, the worker is one of them."""
    stop = asyncio.Event()
    async with queue.running(consumes=settings.embeds_worker):
        work = asyncio.create_task(_work(settings, queue, database, stop)) if settings.embeds_worker else None
        try:
            yield
        finally:
            stop.set()
            if work:
                await work


async def _check_servers(settings: Settings) -> None:
    async with Database(settings) as database:
        try:
            await database.ping()
        except Exception as error:  # other failures may be temporary; readiness reports them
            if dialect.is_misconfigured(error):
                exit_misconfigured(f"DATABASE_URL: {error.__cause__ or error}")
    if reason := await messaging.refusal(settings):
        exit_misconfigured(f"QUEUE_URL: {reason}")


async def _serve(settings: Settings) -> None:
    stop = stop_on_signal(settings.shutdown_grace_seconds)
    async with Database(settings) as database, Queue(settings, database).running(consumes=True) as queue:
        metrics.watch_pool(database.connections)
        log.info("worker started")
        await _work(settings, queue, database, stop)


async def _work(settings: Settings, queue: Queue, database: Database, stop: asyncio.Event) -> None:
    await asyncio.gather(
        queue.consume(HANDLERS, stop), run_jobs(database, JOBS, stop), webhooks.deliver(settings, database, stop)
    )


if __name__ == "__main__":
    main()
