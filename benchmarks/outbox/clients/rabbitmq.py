"""aio-pika without an outbox: `rabbitmq.py COUNT RATE` sends, `rabbitmq.py FILE` receives.

Like the service: a quorum queue, persistent messages, confirmations, and an acknowledgement each.
"""

import asyncio
import json
import os
import sys
import time

import aio_pika
from aio_pika.abc import AbstractChannel, AbstractQueue

from benchmarks.outbox.clients.pacing import BATCH, batches, note

PREFETCH = 20


async def declare(channel: AbstractChannel) -> AbstractQueue:
    arguments = {"x-queue-type": "quorum"}
    return await channel.declare_queue("plain", durable=True, arguments=arguments)


async def send(channel: AbstractChannel) -> None:
    async def send_one(number: int) -> None:
        body = json.dumps({"at": time.time(), "number": number}).encode()
        message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
        await channel.default_exchange.publish(message, "plain")

    async for number in batches():
        await asyncio.gather(*(send_one(number * BATCH + place) for place in range(BATCH)))


async def receive(channel: AbstractChannel, path: str) -> None:
    await channel.set_qos(prefetch_count=PREFETCH)
    queue = await declare(channel)
    async with queue.iterator() as messages:
        async for message in messages:
            note(path, [json.loads(message.body)["at"]])
            await message.ack()


async def main() -> None:
    async with await aio_pika.connect(os.environ["QUEUE_URL"]) as connection:
        channel = await connection.channel()
        await declare(channel)
        await (send(channel) if sys.argv[2:] else receive(channel, sys.argv[1]))


asyncio.run(main())
