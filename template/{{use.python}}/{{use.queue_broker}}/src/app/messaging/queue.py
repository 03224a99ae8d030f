"""The queue: the outbox, the relay that sends its messages to the broker, and the consumers of the broker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Self

from app.config import Settings
from app.database import Database
from app.messaging.broker import Broker
from app.messaging.consumer import Consumer
from app.messaging.envelope import PARTITIONS
from app.messaging.handlers import Handlers, count_pending
from app.messaging.notifier import Notifier
from app.messaging.relay import Relay


class Queue:
    """The queue of a process. Any number of workers may consume it, in any number of processes."""

    def __init__(self, settings: Settings, database: Database) -> None:
        self._database = database
        self._notifier = Notifier(settings, database)
        self.broker = Broker(settings)
        self.relay = Relay(settings, database, self.broker, self._notifier)
        self.consumer = Consumer(settings, database, self.broker)

    @asynccontextmanager
    async def running(self, *, consumes: bool) -> AsyncIterator[Self]:
        """Notify relays of stored messages until the context ends. `consumes` says if this process is a worker."""
        stop = asyncio.Event()
        async with self._notifier.running(listens=consumes):
            counting = asyncio.create_task(count_pending(self._database, stop))
            try:
                yield self
            finally:
                stop.set()
                await counting
                await self.broker.close()

    async def consume(self, handlers: Handlers, stop: asyncio.Event) -> None:
        """Send and handle messages until `stop` is set. The messages in progress are finished first."""
        consumers = (self.consumer.run(partition, handlers, stop) for partition in range(PARTITIONS))
        await asyncio.gather(self.relay.run(stop), *consumers)

    @property
    def dependencies(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """How to ask the broker whether it answers. While it does not, the outbox keeps the messages."""
        return {"queue": self.broker.ping}
