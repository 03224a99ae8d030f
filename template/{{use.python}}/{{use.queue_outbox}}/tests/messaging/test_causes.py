"""A message carries the request id and the trace context of the request that caused it."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from app.context import RequestContext, entered
from app.database import Database, Session
from app.messaging import repository
from app.messaging.events import Event, publish
from tests.messaging.conftest import Worker, send, waiting

REQUEST = RequestContext(request_id="the-cause", traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
IDS = {"request_id": "the-cause", "trace_id": "a" * 32}


class Log:
    """What the log lines of handlers name: one entry for each call."""

    def __init__(self) -> None:
        self.calls: list[Mapping[str, Any]] = []

    async def note(self, session: Session, event: Event) -> None:
        self.calls.append(structlog.contextvars.get_contextvars())

    async def note_too(self, session: Session, event: Event) -> None:
        await self.note(session, event)


async def test_the_log_lines_of_each_handler_name_the_request_and_its_trace(database: Database) -> None:
    log = Log()
    with entered(REQUEST):
        await send(database)

    assert await Worker(database, log.note, log.note_too).work() >= 1

    assert [call.items() >= IDS.items() for call in log.calls] == [True, True]


async def test_the_log_lines_of_a_message_name_nothing_of_the_message_before(database: Database) -> None:
    log = Log()
    with entered(REQUEST):
        [traced] = await send(database)
    with entered(RequestContext(request_id="no-trace")):
        [untraced] = await send(database)
    [alone] = await send(database)

    await Worker(database, log.note).work()

    assert log.calls == [
        {"message_id": str(traced.id), **IDS},
        {"message_id": str(untraced.id), "request_id": "no-trace"},
        {"message_id": str(alone.id)},
    ]


async def test_retries_and_a_redriven_dead_letter_have_the_same_cause(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    log = Log()

    async def fail_twice(session: Session, event: Event) -> None:
        await log.note(session, event)
        if len(log.calls) <= 2:
            raise ValueError("the pot is empty")

    with entered(REQUEST):
        [event] = await send(database)
    worker = Worker(database, fail_twice, queue_max_attempts=2)
    for _ in range(2):
        await worker.work()
        pass_time(60)
    async with database.transaction() as session:
        assert await repository.redrive(session, None) == 1
    await worker.work()

    assert log.calls == [{"message_id": str(event.id), **IDS}] * 3


async def test_an_event_that_a_handler_publishes_has_the_cause_of_its_message(database: Database) -> None:
    async def brew_again(session: Session, event: Event) -> None:
        await publish(session, Event(type="tea.brewed", subject=event.subject, data={}), owner="ada")

    with entered(REQUEST):
        await send(database)
    await Worker(database, brew_again).work()

    [message] = await waiting(database)
    assert (message.request_id, message.traceparent) == (REQUEST.request_id, REQUEST.traceparent)
