"""How tests let a worker work."""

from app.messaging import Handlers, Queue


async def work(queue: Queue, handlers: Handlers) -> int:
    """Handle one batch. Returns the number of messages."""
    return await queue.handle_batch(handlers)
