"""How tests let a worker work."""

import asyncio
from contextlib import aclosing

from app.messaging import Handlers, Queue
from app.messaging.envelope import PARTITIONS


async def work(queue: Queue, handlers: Handlers) -> int:
    """Send one batch to the broker, and handle it. Returns the number of messages."""
    count = await queue.relay.send_batch()
    await handle(queue, handlers, count)
    return count


async def handle(queue: Queue, handlers: Handlers, count: int) -> None:
    """Handle this number of messages of the broker. Raises TimeoutError if it delivers fewer."""
    stop = asyncio.Event()
    left = count

    async def consume(partition: int) -> None:
        nonlocal left
        async with aclosing(queue.broker.receive(partition, stop)) as deliveries:
            async for delivery in deliveries:
                await queue.consumer.settle(delivery, handlers, stop)
                left -= 1
                if not left:
                    stop.set()

    if count:
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            for partition in range(PARTITIONS):
                tasks.create_task(consume(partition))
