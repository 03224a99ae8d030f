"""The worker: handles messages and runs scheduled jobs. `python -m app.worker` starts one; any number may run."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import structlog

from app import auth, logs, metrics
from app.config import Settings, settings_or_exit
from app.database import Database
from app.jobs import Job, run_jobs
from app.lifecycle import stop_on_signal, wait
from app.messaging import outbox
from app.messaging.bell import Bell
from app.messaging.consumer import Consumer
from app.orders.handlers import confirm_order
from app.web import idempotency

log = structlog.get_logger()

HANDLERS = {"order.placed": confirm_order}

JOBS = (
    *auth.jobs,
    Job("purge_idempotency_keys", timedelta(hours=1), idempotency.purge),
    Job("purge_handled_messages", timedelta(hours=1), outbox.purge),
)

COUNT_EVERY_SECONDS = 5


def main() -> None:
    settings = settings_or_exit()
    logs.configure(settings)
    with metrics.served(settings):
        asyncio.run(_serve(settings))


@asynccontextmanager
async def beside_api(settings: Settings, database: Database) -> AsyncIterator[None]:
    """What an API process does beside requests: it tells workers of new messages, or is the worker itself."""
    bell, stop = Bell(settings), asyncio.Event()
    async with bell.hung(heard=settings.embeds_worker):
        tasks = [asyncio.create_task(_count_pending(database, stop))]
        if settings.embeds_worker:
            tasks.append(asyncio.create_task(_work(settings, database, bell, stop)))
        try:
            yield
        finally:
            stop.set()
            await asyncio.gather(*tasks)


async def _serve(settings: Settings) -> None:
    bell, stop = Bell(settings), stop_on_signal(settings.shutdown_grace_seconds)
    log.info("worker started")
    async with Database(settings) as database, bell.hung(heard=True):
        metrics.watch_pool(database.connections)
        await asyncio.gather(_work(settings, database, bell, stop), _count_pending(database, stop))


async def _work(settings: Settings, database: Database, bell: Bell, stop: asyncio.Event) -> None:
    consumer = Consumer(settings, database, bell, HANDLERS)
    await asyncio.gather(consumer.run(stop), run_jobs(database, JOBS, stop))


async def _count_pending(database: Database, stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            async with database.reading() as session:
                outbox.pending.set(await outbox.count_pending(session))
        except Exception as error:  # the next count may succeed
            log.warning("messages not counted", error=repr(error))
        await wait(stop, COUNT_EVERY_SECONDS)


if __name__ == "__main__":
    main()
