"""Sends the messages of the outbox to the broker, in the order in which they were stored."""

import asyncio
from uuid import UUID

import structlog

from app.config import Settings
from app.database import Database
from app.lifecycle import wait
from app.messaging.broker import Broker
from app.messaging.envelope import Envelope, UnsendableError
from app.messaging.handlers import backoff, dead_letters, published
from app.messaging.notifier import Notifier
from app.messaging.relay import repository

log = structlog.get_logger()

MAX_PAUSE_SECONDS = 5


class Relay:
    """Every worker has a relay, but only one of them sends at a time: otherwise the order could change."""

    def __init__(self, settings: Settings, database: Database, broker: Broker, notifier: Notifier) -> None:
        self._settings = settings
        self._database = database
        self._broker = broker
        self._notifier = notifier

    async def run(self, stop: asyncio.Event) -> None:
        """Send messages until `stop` is set. The batch in progress is finished first."""
        failures = 0
        while not stop.is_set():
            try:
                count = await self.send_batch()
                failures = 0
            except Exception as error:  # the outbox keeps the messages; the next attempt may succeed
                failures += 1
                log.warning("messages not sent", error=repr(error))
                await wait(stop, backoff(failures, MAX_PAUSE_SECONDS))
                continue
            if not count and not stop.is_set():
                await self._notifier.wait(self._settings.queue_poll_seconds)

    async def send_batch(self) -> int:
        """Send one batch. Returns the number of messages that left the outbox; 0 if another relay is sending.

        A crash before the commit leaves the messages in the outbox. They are sent again, and the consumers drop the
        repetitions.
        """
        # Before the transaction: on SQLite, nobody else could write while it waits for the broker.
        await self._broker.connect()
        try:
            async with self._database.transaction() as session:
                messages = await repository.take_due(session, self._settings.queue_batch_size)
                await self._broker.publish([Envelope.of(message) for message in messages])
        except UnsendableError as error:
            await self._give_up(error)
            return 1
        published.inc(len(messages))
        return len(messages)

    async def _give_up(self, error: UnsendableError) -> None:
        """Make a message a dead letter. Otherwise, all later ones would wait for it."""
        async with self._database.transaction() as session:
            await repository.give_up(session, UUID(error.envelope.id), str(error))
        dead_letters.labels(error.envelope.type).inc()
