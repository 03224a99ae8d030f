"""Hands messages to their handlers, each in a transaction of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
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
            if not count and not stop.is_set():
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
            async with asyncio.TaskGroup() as beside:
                heartbeat = beside.create_task(self._beat(lease))
                for message in messages:
                    await self._handle(message)
                heartbeat.cancel()
        return len(messages)

    async def _handle(self, message: Message) -> None:
        context = structlog.contextvars.bound_contextvars(message_id=str(message.id), request_id=message.request_id)
        with context, handling_duration.labels(message.type).time():
            try:
                await self._apply(message)
                handled.labels(message.type, "ok").inc()
            except Exception as error:  # whatever a handler raises, the message is tried again later
                handled.labels(message.type, "failed").inc()
                log.warning("message failed", type=message.type, attempts=message.attempts, exc_info=error)
                async with self._database.transaction() as session:
                    most = self._settings.queue_max_attempts
                    await outbox.give_back(session, message, repr(error), max_attempts=most)

    async def _apply(self, message: Message) -> None:
        handler = self._handlers.get(message.type)
        if handler is None:
            raise LookupError(f"no handler takes {message.type}")
        if message.attempts > self._settings.queue_max_attempts:
            raise RuntimeError("no worker outlived it")
        async with self._database.transaction() as session:
            if await outbox.hold(session, message):
                if await outbox.is_first(session, message):
                    await handler(session, Event.model_validate(message.envelope))
                await outbox.discard(session, message)

    async def _beat(self, lease: UUID) -> None:
        while True:
            await asyncio.sleep(self._settings.queue_lease_seconds / 3)
            try:
                async with self._database.transaction() as session:
                    await outbox.extend(session, lease, seconds=self._settings.queue_lease_seconds)
            except Exception as error:  # a missed beat costs nothing but a redelivery
                log.warning("lease not extended", error=repr(error))
