"""How tests let a worker work."""

from collections.abc import Mapping

from app.messaging import Handlers, Queue
from app.messaging.models import Message


async def work(queue: Queue, handlers: Handlers) -> int:
    """Handle one batch. Returns the number of messages."""
    return await queue.handle_batch(handlers)


def headers_of(message: Message) -> Mapping[str, str | None]:
    """The columns that name the cause of a message."""
    return {"request_id": message.request_id, "traceparent": message.traceparent}
