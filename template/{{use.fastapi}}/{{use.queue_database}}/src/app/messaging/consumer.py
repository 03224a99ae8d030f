"""Hands messages to their handlers, each in a transaction of its own."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from uuid import UUID

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy.ext.asyncio import AsyncSession

from app import clock
from app.config import Settings
from app.database import Database
from app.messaging import outbox
from app.messaging.bell import Bell
from app.messaging.events import Event, Message

log = structlog.get_logger()

Handler = Callable[[AsyncSession, Event], Awaitable[None]]

PAUSE_AFTER_OUTAGE_SECONDS = 1

handled = Counter("messages_handled_total", "Messages handled", ["type", "result"])
handling_duration = Histogram("message_handling_duration_seconds", "Time to handle a message", ["type"])


class UnknownEventError(Exception):
    """No handler takes events of this type."""


class Consumer:
    """Takes batches of messages until it is told to stop. Any number may run, in any number of processes."""

    def __init__(self, settings: Settings, database: Database, bell: Bell, handlers: Mapping[str, Handler]) -> None:
        self._settings = settings
        self._database = database
        self._bell = bell
        self._handlers = handlers

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; the messages in hand are finished first."""
        while not stop.is_set():
            try:
                count = await self.work()
            except Exception as error:  # the queue outlives any outage of its database
                log.warning("queue unavailable", error=repr(error))
                await asyncio.sleep(PAUSE_AFTER_OUTAGE_SECONDS)
                continue
            if count < self._settings.queue_batch_size and not stop.is_set():
                await self._bell.wait(self._settings.queue_poll_seconds)

    async def work(self) -> int:
        """Handles one batch; gives how many messages that were."""
        lease, settings = clock.new_id(), self._settings
        async with self._database.transaction() as session:
            messages = await outbox.claim(
                session, lease, limit=settings.queue_batch_size, seconds=settings.queue_lease_seconds
            )
        outbox.published.inc(len(messages))
        if messages:
            async with self._kept_alive(lease):
                for message in messages:
                    await self._handle(message)
        return len(messages)

    async def _handle(self, message: Message) -> None:
        started_at = time.perf_counter()
        structlog.contextvars.bind_contextvars(message_id=str(message.id), request_id=message.request_id)
        try:
            await self._apply(message)
            result = "ok"
        except Exception as error:  # whatever a handler raises, the message is tried again later
            result = "failed"
            log.warning("message failed", type=message.type, attempts=message.attempts, exc_info=error)
            async with self._database.transaction() as session:
                await outbox.give_back(session, message, repr(error), max_attempts=self._settings.queue_max_attempts)
        finally:
            structlog.contextvars.clear_contextvars()
        handled.labels(message.type, result).inc()
        handling_duration.labels(message.type).observe(time.perf_counter() - started_at)

    async def _apply(self, message: Message) -> None:
        handler = self._handlers.get(message.type)
        if handler is None:
            raise UnknownEventError(message.type)
        async with self._database.transaction() as session:
            if not await outbox.hold(session, message):
                return
            if await outbox.is_handled(session, message):
                await outbox.discard(session, message)
                return
            await handler(session, Event.model_validate(message.envelope))
            await outbox.settle(session, message)

    @asynccontextmanager
    async def _kept_alive(self, lease: UUID) -> AsyncIterator[None]:
        heartbeat = asyncio.create_task(self._beat(lease))
        try:
            yield
        finally:
            heartbeat.cancel()
            with suppress(asyncio.CancelledError):
                await heartbeat

    async def _beat(self, lease: UUID) -> None:
        while True:
            await asyncio.sleep(self._settings.queue_lease_seconds / 3)
            try:
                async with self._database.transaction() as session:
                    await outbox.extend(session, lease, seconds=self._settings.queue_lease_seconds)
            except Exception as error:  # a missed beat costs nothing but a redelivery
                log.warning("lease not extended", error=repr(error))
