"""How tests let a worker work."""

import asyncio
from collections.abc import Mapping
from contextlib import aclosing, suppress
from functools import wraps

from app.database import Session
from app.messaging import Handlers, Queue
from app.messaging.envelope import PARTITIONS, Envelope, Received
from app.messaging.events import Event
from app.messaging.handlers import Handler
from app.messaging.models import Message


class Death(BaseException):
    """The end of a process, as far as a test can have it."""


async def work(queue: Queue, handlers: Handlers) -> int:
    """Send one batch to the broker, and handle it. Returns the number of messages."""
    count = await queue.relay.send_batch()
    await handle(queue, handlers, count)
    return count


def headers_of(message: Message) -> Mapping[str, str | None]:
    """The headers with which a message is sent."""
    return Envelope.of(message).headers


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
        tasks = [asyncio.create_task(consume(partition)) for partition in range(PARTITIONS)]
        try:
            async with asyncio.timeout(20):
                await asyncio.gather(*tasks)
        finally:
            await _end(tasks)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    # Once may not be enough: before Python 3.12, `asyncio.wait_for` may lose a cancellation.
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=1)


async def die_while_handling(queue: Queue, handlers: Handlers) -> None:
    """Handle messages until a handler raises `Death`. The broker delivers again what was not acknowledged."""
    died = asyncio.Event()
    mortal = {type_: [_mortal(each, died) for each in handlers[type_]] for type_ in handlers}
    working = asyncio.create_task(handle(queue, mortal, 100))
    try:
        async with asyncio.timeout(20):
            await died.wait()
    finally:
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
    await queue.broker.close()


def _mortal(handler: Handler, died: asyncio.Event) -> Handler:
    """The handler, but after a `Death` it never returns: while an error is passed on, other tasks would go on."""

    @wraps(handler)
    async def handle_or_die(session: Session, event: Event) -> None:
        try:
            await handler(session, event)
        except Death:
            died.set()
            await asyncio.Event().wait()

    return handle_or_die


async def handle_and_die(queue: Queue, handlers: Handlers) -> None:
    """Handle one message, and lose the connection before the message is acknowledged."""
    stop = asyncio.Event()

    async def handle_one(partition: int) -> None:
        async with aclosing(queue.broker.receive(partition, stop)) as deliveries:
            async for delivery in deliveries:
                await queue.consumer.handle(Received.of(delivery), handlers)
                stop.set()

    await asyncio.gather(*(handle_one(partition) for partition in range(PARTITIONS)))
    await queue.broker.close()
