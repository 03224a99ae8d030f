"""Passes the messages of the broker to their handlers. Each handler runs in its own transaction."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from datetime import timedelta
from typing import Never

import structlog

from app.config import Settings
from app.database import Database, Session
from app.jobs import Job
from app.lifecycle import wait
from app.messaging.broker import Broker
from app.messaging.consumer import repository
from app.messaging.envelope import Delivery, Received
from app.messaging.events import Event
from app.messaging.handlers import Handler, Handlers, backoff, caused_by, dead_letters, handled, handling_duration

log = structlog.get_logger()

KEPT_FOR = timedelta(days=7)
"""How long the service remembers what it has handled. The broker repeats a message within minutes."""
MAX_PAUSE_SECONDS = 5
PAUSE_AFTER_OUTAGE_SECONDS = 1


class Consumer:
    """Handles the messages of a partition one after the other, so that the messages of one subject keep their order."""

    def __init__(self, settings: Settings, database: Database, broker: Broker) -> None:
        self._settings = settings
        self._database = database
        self._broker = broker
        self._repeated = asyncio.Lock()

    async def run(self, partition: int, handlers: Handlers, stop: asyncio.Event) -> None:
        """Handle the messages of one partition until `stop` is set. The message in progress is finished first."""
        failures = 0
        while not stop.is_set():
            try:
                async with aclosing(self._broker.receive(partition, stop)) as deliveries:
                    async for delivery in deliveries:
                        await self.settle(delivery, handlers, stop)
                        failures = 0
            except Exception as error:  # the broker delivers again what was not acknowledged
                failures += 1
                log.warning("messages not received", partition=partition, error=repr(error))
                await wait(stop, backoff(failures, MAX_PAUSE_SECONDS))

    async def settle(self, delivery: Delivery, handlers: Handlers, stop: asyncio.Event) -> None:
        """Handle a message as soon as the database answers, and acknowledge it; refuse what is no event."""
        try:
            message = Received.of(delivery)
        except (ValueError, KeyError) as error:
            log.error("message refused", message_id=delivery.id, error=repr(error))
            await delivery.refuse()
            return
        # To give the message back to the broker would not help, and would change the order.
        while not await self._try_to_handle(message, handlers):
            await wait(stop, PAUSE_AFTER_OUTAGE_SECONDS)
            if stop.is_set():
                return
        await delivery.acknowledge()

    async def handle(self, message: Received, handlers: Handlers) -> None:
        """Run the handlers of a message. Those that fail are stored in the outbox, each with its own retries.

        Raises an error only if the database fails. Then, the message must not be acknowledged.
        """
        chosen = _chosen(message, handlers)
        with caused_by(message):
            for name, handler in chosen.items():
                with handling_duration.labels(message.event.type).time():
                    await self._handle(message, name, handler, is_only=len(chosen) == 1)

    async def _try_to_handle(self, message: Received, handlers: Handlers) -> bool:
        try:
            await self.handle(message, handlers)
        except Exception as error:  # the database may answer later
            log.warning("message not handled", message_id=str(message.id), error=repr(error))
            return False
        return True

    async def _handle(self, message: Received, name: str, handler: Handler, *, is_only: bool) -> None:
        attempts = message.attempts + 1
        if not message.is_repeated:
            await self._attempt(message, name, handler, attempts, is_only=is_only)
            return
        # One at a time: if the process dies again, only the message that killed it has one start more.
        async with self._repeated:
            attempts += await self._count_start(message, name)
            await self._attempt(message, name, handler, attempts, is_only=is_only)

    async def _count_start(self, message: Received, name: str) -> int:
        if name not in message.starts:
            async with self._database.transaction() as session:
                starts = await repository.count_start(session, message.event.id, name)
            message.starts[name] = starts
        return message.starts[name]

    async def _attempt(self, message: Received, name: str, handler: Handler, attempts: int, *, is_only: bool) -> None:
        try:
            result = await self._apply(message, name, handler, attempts)
        except Exception as error:  # any error of a handler leads to a retry
            result = "failed"
            log.warning("message failed", type=message.event.type, attempts=attempts, exc_info=error)
            await self._retry_or_give_up(message, name, attempts, repr(error), is_only=is_only)
        handled.labels(message.event.type, result).inc()

    async def _apply(self, message: Received, name: str, handler: Handler, attempts: int) -> str:
        async with self._database.transaction() as session:
            # This also locks out a second delivery until the effect of the handler is committed.
            if not await repository.remember(session, message.event.id, name):
                return "repeated"
            if attempts > self._settings.queue_max_attempts:
                raise RuntimeError("the worker process died while handling this message")
            await handler(session, message.event)
        return "ok"

    async def _retry_or_give_up(
        self, message: Received, name: str, attempts: int, error: str, *, is_only: bool
    ) -> None:
        most = self._settings.queue_max_attempts
        async with self._database.transaction() as session:
            is_stored = await repository.store_again(
                session,
                message,
                name,
                attempts=min(attempts, most),
                error=error,
                seconds=backoff(attempts) if attempts < most else None,
                is_only=is_only,
            )
        if is_stored and attempts >= most:
            dead_letters.labels(message.event.type).inc()


def _chosen(message: Received, handlers: Handlers) -> Mapping[str, Handler]:
    """The handlers that a message is for, by name. A type that is not listed may be a mistake, so it is an error."""
    known = {handler.__name__: handler for handler in handlers.get(message.event.type, ())}
    if message.handler is not None:
        return {message.handler: known.get(message.handler, _missing)}
    return known if message.event.type in handlers else {"": _missing}


async def _missing(session: Session, event: Event) -> Never:
    raise LookupError(f"no handler for {event.type}")


async def _purge(session: Session) -> bool:
    return await repository.forget(session, KEPT_FOR)


jobs: tuple[Job, ...] = (Job("purge_handled_messages", timedelta(hours=1), _purge),)
