"""Passes messages to their handlers. Each message is handled in its own transaction."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Self
from uuid import UUID

import structlog

from app import clock
from app.config import Settings
from app.database import Database
from app.lifecycle import wait
from app.messaging.consumer import repository
from app.messaging.events import Event
from app.messaging.handlers import (
    Handler,
    Handlers,
    backoff,
    caused_by,
    count_pending,
    dead_letters,
    handled,
    handling_duration,
    published,
)
from app.messaging.models import Message
from app.messaging.notifier import Notifier

log = structlog.get_logger()

PAUSE_AFTER_OUTAGE_SECONDS = 1
PAUSE_BETWEEN_CLAIMS_SECONDS = 0.02


class Queue:
    """The queue in the database. Any number of workers may consume it, in any number of processes."""

    dependencies: Mapping[str, Callable[[], Awaitable[None]]] = {}
    """How to ask the servers that the queue needs whether they answer: it needs only that of the database."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._settings = settings
        self._database = database
        self._notifier = Notifier(settings, database)

    @asynccontextmanager
    async def running(self, *, consumes: bool) -> AsyncIterator[Self]:
        """Notify workers of stored messages until the context ends. `consumes` says if this process is a worker."""
        stop = asyncio.Event()
        async with self._notifier.running(listens=consumes):
            counting = asyncio.create_task(count_pending(self._database, stop))
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
        while True:
            messages = await self._try_to_claim(lease, handlers)
            if messages is not None:
                return messages
            await asyncio.sleep(PAUSE_BETWEEN_CLAIMS_SECONDS)  # another worker is claiming

    async def _try_to_claim(self, lease: UUID, handlers: Handlers) -> list[Message] | None:
        limit, seconds = self._settings.queue_batch_size, self._settings.queue_lease_seconds
        messages: list[Message] = []
        async with self._database.transaction() as session:
            claimed = await repository.claim(session, lease, limit=limit, seconds=seconds)
            if claimed is None:
                return None
            for message in claimed:
                names = [handler.__name__ for handler in handlers.get(message.type, ())]
                if message.handler is None and len(names) > 1:
                    messages += await repository.split(session, message, names)
                else:
                    messages.append(message)
        return messages

    async def _handle(self, message: Message, handlers: Handlers) -> None:
        cause = caused_by(message.id, message.request_id, message.traceparent)
        with cause, handling_duration.labels(message.type).time():
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
                await repository.retry(session, message, error, seconds=backoff(message.attempts))
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


def _handler_of(message: Message, handlers: Handlers) -> Handler:
    for handler in handlers.get(message.type, ()):
        if message.handler in (None, handler.__name__):
            return handler
    raise LookupError(f"no handler for {message.type}")
