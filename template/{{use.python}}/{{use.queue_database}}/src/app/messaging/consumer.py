"""Passes messages to their handlers. Each message is handled in its own transaction."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Self
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge, Histogram

from app import clock
from app.config import Settings
from app.database import Database, Session
from app.lifecycle import wait
from app.messaging import repository
from app.messaging.events import Event
from app.messaging.models import Message
from app.messaging.notifier import Notifier

log = structlog.get_logger()

Handler = Callable[[Session, Event], Awaitable[None]]
Handlers = Mapping[str, Sequence[Handler]]
"""The handlers of each event type."""

PAUSE_AFTER_OUTAGE_SECONDS = 1
COUNT_INTERVAL_SECONDS = 5
MAX_RETRY_SECONDS = 300

handled = Counter("messages_handled_total", "Messages handled", ["type", "result"])
handling_duration = Histogram("message_handling_duration_seconds", "Time to handle a message", ["type"])
pending = Gauge("outbox_pending", "Messages that wait for a worker")
published = Counter("outbox_published_total", "Messages that left the outbox because their handler succeeded")
dead_letters = Counter("dead_letters_total", "Messages given up", ["type"])

_random = secrets.SystemRandom()


class Queue:
    """The queue in the database. Any number of workers may consume it, in any number of processes."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._notifier = Notifier(settings, database)

    @asynccontextmanager
    async def running(self, *, consumes: bool) -> AsyncIterator[Self]:
        """Notify workers of stored messages until the context ends. `consumes` says if this process is a worker."""
        stop = asyncio.Event()
        async with self._notifier.running(listens=consumes):
            counting = asyncio.create_task(self._count_pending(stop))
            try:
                yield self
            finally:
                stop.set()
                await counting

    async def consume(self, handlers: Handlers, stop: asyncio.Event) -> None:
        """Handle messages until `stop` is set. The batch in progress is finished first."""
        while not stop.is_set():
            try:
                count = await self.handle_batch(handlers)
            except Exception as error:  # the next attempt may succeed
                log.warning("queue unavailable", error=repr(error))
                await asyncio.sleep(PAUSE_AFTER_OUTAGE_SECONDS)
                continue
            if not count and not stop.is_set():
                await self._notifier.wait(self._settings.queue_poll_seconds)

    async def handle_batch(self, handlers: Handlers) -> int:
        """Claim and handle one batch. Returns the number of messages."""
        lease = clock.new_id()
        messages = await self._claim(lease, handlers)
        if messages:
            handled_all = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._extend_lease(lease, handled_all))
                for message in messages:
                    await self._handle(message, handlers)
                handled_all.set()
        return len(messages)

    async def _claim(self, lease: UUID, handlers: Handlers) -> list[Message]:
        limit, seconds = self._settings.queue_batch_size, self._settings.queue_lease_seconds
        messages: list[Message] = []
        async with self._database.transaction() as session:
            for message in await repository.claim(session, lease, limit=limit, seconds=seconds):
                names = [handler.__name__ for handler in handlers.get(message.type, ())]
                if message.handler is None and len(names) > 1:
                    messages += await repository.split(session, message, names)
                else:
                    messages.append(message)
        return messages

    async def _handle(self, message: Message, handlers: Handlers) -> None:
        context = structlog.contextvars.bound_contextvars(message_id=str(message.id), request_id=message.request_id)
        with context, handling_duration.labels(message.type).time():
            try:
                await self._apply(message, _handler_of(message, handlers))
            except Exception as error:  # any error of a handler leads to a retry
                handled.labels(message.type, "failed").inc()
                log.warning("message failed", type=message.type, attempts=message.attempts, exc_info=error)
                await self._retry_or_give_up(message, repr(error))

    async def _apply(self, message: Message, handler: Handler) -> None:
        if message.attempts > self._settings.queue_max_attempts:
            raise RuntimeError("the worker process died while handling this message")
        async with self._database.transaction() as session:
            # Deleting the row also locks it until the effect of the handler is committed.
            if not await repository.remove(session, message):
                return
            await handler(session, Event.model_validate(message.event))
        handled.labels(message.type, "ok").inc()
        published.inc()

    async def _retry_or_give_up(self, message: Message, error: str) -> None:
        given_up = False
        async with self._database.transaction() as session:
            if message.attempts >= self._settings.queue_max_attempts:
                given_up = await repository.give_up(session, message, error)
            else:
                # Exponential backoff with jitter, so that messages that failed together are not retried together.
                seconds = min(2**message.attempts, MAX_RETRY_SECONDS) * _random.uniform(0.5, 1)
                await repository.retry(session, message, error, seconds=seconds)
        if given_up:
            dead_letters.labels(message.type).inc()

    async def _extend_lease(self, lease: UUID, handled_all: asyncio.Event) -> None:
        # It ends by an event, because not every driver passes on a cancellation before Python 3.12.
        await wait(handled_all, self._settings.queue_lease_seconds / 3)
        while not handled_all.is_set():
            try:
                async with self._database.transaction() as session:
                    await repository.extend(session, lease, seconds=self._settings.queue_lease_seconds)
            except Exception as error:  # if the lease expires, the message is delivered again
                log.warning("lease not extended", error=repr(error))
            await wait(handled_all, self._settings.queue_lease_seconds / 3)

    async def _count_pending(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                async with self._database.reading() as session:
                    pending.set(await repository.count_pending(session))
            except Exception as error:  # the next count may succeed
                log.warning("messages not counted", error=repr(error))
            await wait(stop, COUNT_INTERVAL_SECONDS)


def _handler_of(message: Message, handlers: Handlers) -> Handler:
    for handler in handlers.get(message.type, ()):
        if message.handler in (None, handler.__name__):
            return handler
    raise LookupError(f"no handler for {message.type}")
