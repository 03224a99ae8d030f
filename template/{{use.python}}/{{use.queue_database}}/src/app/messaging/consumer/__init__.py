"""Passes messages to their handlers. Each message has its own transaction; those of a batch handler share one."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from operator import attrgetter
from typing import Self
from uuid import UUID

import structlog

from app import clock
from app.config import Settings
from app.database import Database, Session
from app.lifecycle import wait
from app.messaging.consumer import repository
from app.messaging.consumer.repository import Claimed
from app.messaging.events import Event
from app.messaging.handlers import (
    BatchHandler,
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
        messages = await self._claim(lease)
        if messages:
            handled_all = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._extend_lease(messages, handled_all))
                await self._handle_all(messages, handlers)
                handled_all.set()
        return len(messages)

    async def _claim(self, lease: UUID) -> list[Claimed]:
        limit, seconds = self._settings.queue_batch_size, self._settings.queue_lease_seconds
        while True:
            async with self._database.transaction() as session:
                messages = await repository.claim(session, lease, limit=limit, seconds=seconds)
            if messages is not None:
                return messages
            await asyncio.sleep(PAUSE_BETWEEN_CLAIMS_SECONDS)  # another worker is claiming

    async def _handle_all(self, messages: Sequence[Claimed], handlers: Handlers) -> None:
        """Handle messages in their order: those of batch handlers together, the others one by one."""
        lost = set()
        for is_batch, run in groupby(messages, lambda message: _is_for_batches(message, handlers)):
            batch = list(run)
            if is_batch and await self._handle_together(batch, handlers):
                continue
            for message in batch:
                # The worker that has the lease now also handles what follows of the subject.
                if message.subject not in lost and not await self._handle_alone(message, handlers):
                    lost.add(message.subject)

    async def _handle_together(self, messages: Sequence[Claimed], handlers: Handlers) -> bool:
        """Handle messages in one transaction. False if one of them failed: then, none was handled."""
        try:
            async with self._database.transaction() as session:
                if not await repository.remove(session, messages):
                    raise LookupError("a lease was lost")
                for type_, run in groupby(messages, attrgetter("type")):
                    await _handle_run(session, type_, list(run), handlers)
        except Exception as error:  # what has failed will fail again when it is alone
            log.info("messages are handled one by one", count=len(messages), error=repr(error))
            return False
        for type_, count in Counter(message.type for message in messages).items():
            handled.labels(type_, "ok").inc(count)
        published.inc(len(messages))
        return True

    async def _handle_alone(self, message: Claimed, handlers: Handlers) -> bool:
        """Run the handlers of a message, each in its own transaction. False if the lease was lost."""
        parts = await self._split(message, handlers)
        return bool(parts) and all([await self._handle(part, handlers) for part in parts])

    async def _split(self, message: Claimed, handlers: Handlers) -> list[Claimed]:
        """One message for each handler of a message, none if the lease was lost."""
        names = [handler.__name__ for handler in handlers.get(message.type, ())]
        if message.handler is not None or len(names) < 2:
            return [message]
        async with self._database.transaction() as session:
            return await repository.split(session, message, names)

    async def _handle(self, message: Claimed, handlers: Handlers) -> bool:
        with caused_by(message), handling_duration.labels(message.type).time():
            try:
                [handler] = _handlers_of(message, handlers)
                return await self._apply(message, handler)
            except Exception as error:  # any error of a handler leads to a retry
                handled.labels(message.type, "failed").inc()
                log.warning("message failed", type=message.type, attempts=message.attempts, exc_info=error)
                await self._retry_or_give_up(message, repr(error))
                return True

    async def _apply(self, message: Claimed, handler: Handler) -> bool:
        if message.attempts > self._settings.queue_max_attempts:
            raise RuntimeError("the worker process died while handling this message")
        async with self._database.transaction() as session:
            # Deleting the row also locks it until the effect of the handler is committed.
            if not await repository.remove(session, [message]):
                return False
            await handler(session, Event.model_validate(message.event))
        handled.labels(message.type, "ok").inc()
        published.inc()
        return True

    async def _retry_or_give_up(self, message: Claimed, error: str) -> None:
        given_up = False
        async with self._database.transaction() as session:
            if message.attempts >= self._settings.queue_max_attempts:
                given_up = await repository.give_up(session, message, error)
            else:
                await repository.retry(session, message, error, seconds=backoff(message.attempts))
        if given_up:
            dead_letters.labels(message.type).inc()

    async def _extend_lease(self, messages: Sequence[Claimed], handled_all: asyncio.Event) -> None:
        # It ends by an event, because not every driver passes on a cancellation before Python 3.12.
        await wait(handled_all, self._settings.queue_lease_seconds / 3)
        while not handled_all.is_set():
            try:
                async with self._database.transaction() as session:
                    await repository.extend(session, messages, seconds=self._settings.queue_lease_seconds)
            except Exception as error:  # if the lease expires, the message is delivered again
                log.warning("lease not extended", error=repr(error))
            await wait(handled_all, self._settings.queue_lease_seconds / 3)


async def _handle_run(session: Session, type_: str, messages: Sequence[Claimed], handlers: Handlers) -> None:
    """Pass messages of one type to their handlers. Each of them counts as an equal share of the time."""
    started_at = time.perf_counter()
    events = [Event.model_validate(message.event) for message in messages]
    for handler in _batch_handlers_of(messages[0], handlers):
        await handler.handle_all(session, events)
    seconds = (time.perf_counter() - started_at) / len(messages)
    duration = handling_duration.labels(type_)
    for _ in messages:
        duration.observe(seconds)


def _is_for_batches(message: Claimed, handlers: Handlers) -> bool:
    """Whether all handlers of a message take batches. A message that has failed, or whose worker died, stays alone."""
    count = len(handlers.get(message.type, ()))
    return message.attempts == 1 and count > 0 and len(_batch_handlers_of(message, handlers)) == count


def _batch_handlers_of(message: Claimed, handlers: Handlers) -> list[BatchHandler]:
    return [handler for handler in handlers.get(message.type, ()) if isinstance(handler, BatchHandler)]


def _handlers_of(message: Claimed, handlers: Handlers) -> list[Handler]:
    """The handlers that a message is for.

    Raises: LookupError
    """
    found = [handler for handler in handlers.get(message.type, ()) if message.handler in (None, handler.__name__)]
    if not found:
        raise LookupError(f"no handler for {message.type}")
    return found
