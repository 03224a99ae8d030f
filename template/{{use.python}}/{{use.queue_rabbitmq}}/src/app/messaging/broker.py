"""Everything that is specific to RabbitMQ.

The exchange `NAME.events` takes every event, with the routing key `PARTITION.TYPE`: a queue of another service that
binds `*.order.#` gets a copy. The queues `NAME.events.PARTITION` are those of this service. `NAME.events.refused` holds
messages that are no events, and those that were delivered far too often.
"""

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractConnection, AbstractExchange, AbstractIncomingMessage
from aio_pika.exceptions import AuthenticationError, ProbableAuthenticationError
from aiormq.exceptions import ProtocolSyntaxError

from app import NAME
from app.config import Settings
from app.messaging.envelope import CONTENT_TYPE, PARTITIONS, Delivery, Envelope
from app.messaging.waves import waves

CLOSE_TIMEOUT_SECONDS = 2
CONFIRM_TIMEOUT_SECONDS = 3
CONNECT_TIMEOUT_SECONDS = 3
PREFETCH = 20
"""The number of messages that a consumer holds. If it dies, they are all delivered again, as repeated ones."""
DELIVERY_LIMIT = 100
"""The last resort. The consumer gives a message up long before, after QUEUE_MAX_ATTEMPTS."""

EXCHANGE = f"{NAME}.events"

_PARTITION = {"enum": [str(number) for number in range(PARTITIONS)]}
CHANNELS: Mapping[str, Mapping[str, Any]] = {
    "events": {
        "address": "{partition}.{type}",
        "description": f"Routing keys of the exchange `{EXCHANGE}`. The subject of an event selects the partition.",
        "parameters": {"partition": _PARTITION, "type": {"description": "The type of the event."}},
        "bindings": {
            "amqp": {"is": "routingKey", "exchange": {"name": EXCHANGE, "type": "topic", "durable": True}},
        },
    },
    "queue": {
        "address": EXCHANGE + ".{partition}",
        "description": "The queues of this service, which have one active consumer each.",
        "parameters": {"partition": _PARTITION},
        "bindings": {"amqp": {"is": "queue"}},
    },
}
"""How docs/asyncapi.json describes where other services get events, and where the workers of this service do."""

# It logs each failure to connect, which is also raised.
logging.getLogger("aiormq.connection").disabled = True

_Buffer = asyncio.Queue[AbstractIncomingMessage | None]


class Broker:
    """One connection. It is opened when it is needed, also after it was lost."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.queue_url
        self._connecting = asyncio.Lock()
        self._connection: AbstractConnection | None = None
        self._publisher: AbstractChannel | None = None
        self._exchange: AbstractExchange | None = None

    async def connect(self) -> None:
        """Connect, and declare the exchange and the queues. Do nothing if the connection is open."""
        async with self._connecting:
            if self._publisher is None or self._publisher.is_closed:
                await self.close()
                self._connection = await aio_pika.connect(self._url, timeout=CONNECT_TIMEOUT_SECONDS)
                self._publisher = await self._connection.channel(on_return_raises=True)
                self._exchange = await _declare(self._publisher)

    async def close(self) -> None:
        connection, self._connection, self._publisher = self._connection, None, None
        if connection:
            # Without an answer, the connection is dropped all the same.
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_TIMEOUT_SECONDS):
                    await connection.close()

    async def ping(self) -> None:
        """Raise an error if the server does not answer."""
        channel = await self._open_channel()
        await channel.close()

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Publish messages. Return when the server has stored all of them.

        Raises an error if it has not stored one; it may have stored others.
        """
        try:
            for wave in waves(envelopes):
                async with asyncio.timeout(CONFIRM_TIMEOUT_SECONDS), asyncio.TaskGroup() as tasks:
                    for envelope in wave:
                        tasks.create_task(self._send(envelope))
        except BaseException:
            await self.close()  # nobody knows which confirmations are still to come
            raise

    async def receive(self, partition: int, stop: asyncio.Event) -> AsyncGenerator[Delivery, None]:
        """The messages of a partition, until `stop` is set.

        Raises ConnectionError if the server has ended the subscription, and AMQPError if it does not answer.
        """
        channel = await self._open_channel()
        buffer: _Buffer = asyncio.Queue()
        stopping = asyncio.create_task(_end_at(stop, buffer))
        try:
            await _subscribe(channel, partition, buffer)
            while message := await buffer.get():
                if stop.is_set():
                    return
                yield _delivery(message)
            if not stop.is_set():
                raise ConnectionError("the subscription has ended")
        finally:
            stopping.cancel()
            # A consumer that is only cancelled would keep its messages, and the next one would get later ones first.
            await channel.close()

    async def _send(self, envelope: Envelope) -> None:
        assert self._publisher and self._exchange
        queue, key = _queue(envelope.partition), f"{envelope.partition}.{envelope.type}"
        message = aio_pika.Message(
            envelope.body,
            message_id=envelope.id,
            content_type=CONTENT_TYPE,
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            headers=dict(envelope.headers),
        )
        if envelope.handler is None:
            await self._exchange.publish(message, key)
        else:
            # A retry concerns no other service.
            await self._publisher.default_exchange.publish(message, queue)

    async def _open_channel(self) -> AbstractChannel:
        await self.connect()
        assert self._connection
        return await self._connection.channel()


async def refusal(settings: Settings) -> str | None:
    """Why the server refuses `QUEUE_URL`. None if it accepts it, or does not answer: it may answer later."""
    broker = Broker(settings)
    try:
        await broker.connect()
    except Exception as error:
        return _reason(error)
    finally:
        await broker.close()
    return None


def _reason(error: Exception) -> str | None:
    if isinstance(error, AuthenticationError | ProbableAuthenticationError):
        return str(error)
    # The server closes the connection instead of opening the virtual host.
    return "the server refuses the virtual host" if isinstance(error, ProtocolSyntaxError) else None


async def _declare(channel: AbstractChannel) -> AbstractExchange:
    refused = await channel.declare_queue(f"{EXCHANGE}.refused", durable=True, arguments={"x-queue-type": "quorum"})
    exchange = await channel.declare_exchange(EXCHANGE, aio_pika.ExchangeType.TOPIC, durable=True)
    for partition in range(PARTITIONS):
        queue = await channel.declare_queue(
            _queue(partition),
            durable=True,
            arguments={
                "x-queue-type": "quorum",
                "x-single-active-consumer": True,
                "x-delivery-limit": DELIVERY_LIMIT,
                "x-dead-letter-exchange": "",
                "x-dead-letter-routing-key": refused.name,
                "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish",
            },
        )
        await queue.bind(exchange, f"{partition}.#")
    return exchange


def _queue(partition: int) -> str:
    return f"{EXCHANGE}.{partition}"


async def _subscribe(channel: AbstractChannel, partition: int, buffer: _Buffer) -> None:
    """Put the messages of a partition into a buffer, and None when there will be no more."""

    def end(*_: object) -> None:
        buffer.put_nowait(None)

    await channel.set_qos(prefetch_count=PREFETCH)
    channel.close_callbacks.add(end)
    (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(end)
    queue = await channel.get_queue(_queue(partition), ensure=False)
    # Since RabbitMQ 4.0, the consumer with the highest priority is the active one: so workers share the partitions.
    await queue.consume(buffer.put, arguments={"x-priority": secrets.randbelow(1000)})


async def _end_at(stop: asyncio.Event, buffer: _Buffer) -> None:
    await stop.wait()
    buffer.put_nowait(None)


def _delivery(message: AbstractIncomingMessage) -> Delivery:
    async def refuse() -> None:
        await message.reject(requeue=False)

    return Delivery(
        id=message.message_id or "",
        body=message.body,
        headers={name: str(value) for name, value in message.headers.items()},
        is_repeated=bool(message.redelivered),
        acknowledge=message.ack,
        refuse=refuse,
    )
