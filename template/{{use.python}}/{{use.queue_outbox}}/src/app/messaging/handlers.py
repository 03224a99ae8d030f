"""What the handlers of events are, when they are tried again, and the metrics of their messages."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import update_wrapper
from typing import Protocol
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge, Histogram
from pydantic import BaseModel

from app import context
from app.context import RequestContext
from app.database import Database, Session
from app.lifecycle import wait
from app.messaging import repository
from app.messaging.events import Event

log = structlog.get_logger()

Handler = Callable[[Session, Event], Awaitable[None]]
Handlers = Mapping[str, Sequence[Handler]]
"""The handlers of each event type."""
DataModels = Mapping[str, type[BaseModel]]
"""What the data of each event type holds: scripts/asyncapi.py describes it."""

COUNT_INTERVAL_SECONDS = 5
MAX_RETRY_SECONDS = 300

handled = Counter("messages_handled_total", "Messages handled", ["type", "result"])
handling_duration = Histogram("message_handling_duration_seconds", "Time to handle a message", ["type"])
pending = Gauge("outbox_pending", "Messages that wait in the outbox")
published = Counter("outbox_published_total", "Messages that left the outbox")
dead_letters = Counter("dead_letters_total", "Messages given up", ["type"])

_random = secrets.SystemRandom()


class BatchHandler:
    """A handler that takes several events at once, such as to change all rows with one statement.

    It gets them one by one where messages are not handled together.
    """

    def __init__(self, handle_all: Callable[[Session, Sequence[Event]], Awaitable[None]]) -> None:
        self.handle_all = handle_all
        update_wrapper(self, handle_all)

    async def __call__(self, session: Session, event: Event) -> None:
        await self.handle_all(session, [event])


def backoff(failures: int, at_most: float = MAX_RETRY_SECONDS) -> float:
    """The seconds to wait after some failures: exponential, with jitter.

    So what has failed together is not tried again together.
    """
    # Beyond 2**30, the power is no use, and the float would overflow.
    return float(min(2 ** min(failures, 30), at_most)) * _random.uniform(0.5, 1)


class Cause(Protocol):
    """A message, and the request that caused it."""

    @property
    def id(self) -> UUID: ...

    @property
    def request_id(self) -> str | None: ...

    @property
    def traceparent(self) -> str | None: ...


@contextmanager
def caused_by(message: Cause) -> Iterator[None]:
    """Inside the block, log lines name the message and its request, and new events have the same request."""
    request = RequestContext(request_id=message.request_id or "", traceparent=message.traceparent or "")
    tokens = structlog.contextvars.bind_contextvars(message_id=str(message.id), **request.logged)
    try:
        with context.entered(request):
            yield
    finally:
        structlog.contextvars.reset_contextvars(**tokens)


async def count_pending(database: Database, stop: asyncio.Event) -> None:
    """Keep the metric `outbox_pending` current until `stop` is set."""
    while not stop.is_set():
        try:
            async with database.reading() as session:
                pending.set(await repository.count_pending(session))
        except Exception as error:  # the next count may succeed
            log.warning("messages not counted", error=repr(error))
        await wait(stop, COUNT_INTERVAL_SECONDS)
