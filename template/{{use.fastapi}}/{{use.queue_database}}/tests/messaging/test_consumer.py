"""Workers hand each message to its handler once, whatever goes wrong."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import structlog
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from app import clock
from app.database import Database
from app.ids import new_id
from app.jobs import ScheduledJob
from app.messaging import consumer, outbox
from app.messaging.events import Event
from app.messaging.models import Message, MessageState
from tests.messaging.queues import Log, fail, make_due, send, waiting, worker


async def test_a_handler_gets_the_event_once_and_the_message_is_gone(database: Database) -> None:
    log = Log()
    (event,) = await send(database)
    assert [await worker(database, log).work() for _ in range(2)] == [1, 0]
    assert log.events == [event]
    assert await waiting(database) == []


async def test_a_message_that_is_delivered_twice_has_one_effect(database: Database) -> None:
    log = Log()
    (event,) = await send(database)
    (message,) = await waiting(database)
    await worker(database, log).work()
    again = Message(id=event.id, type=event.type, envelope=message.envelope, run_at=clock.now())
    async with database.transaction() as session:
        session.add(again)
    assert await worker(database, log).work() == 1
    assert log.events == [event]
    assert await waiting(database) == []


async def test_several_workers_on_one_queue_handle_each_message_once(database: Database) -> None:
    log = Log()
    events = await send(database, 30)
    workers = [worker(database, log, queue_batch_size=4) for _ in range(3)]
    while any(await asyncio.gather(*(each.work() for each in workers))):
        pass
    assert sorted(event.id for event in log.events) == sorted(event.id for event in events)


async def test_the_effect_of_a_handler_that_fails_is_undone(database: Database) -> None:
    async def act_then_fail(session: AsyncSession, event: Event) -> None:
        session.add(ScheduledJob(name="effect", due_at=event.time))
        await session.flush()
        raise ValueError("the pot is empty")

    await send(database)
    await worker(database, act_then_fail).work()
    async with database.reading() as session:
        assert await session.get(ScheduledJob, "effect") is None
    (message,) = await waiting(database)
    assert message.last_error == "ValueError('the pot is empty')"


async def test_a_message_that_fails_waits_longer_each_time(database: Database) -> None:
    await send(database)
    for attempt in range(1, 5):
        await worker(database, fail).work()
        assert await worker(database, fail).work() == 0
        (message,) = await waiting(database)
        pause = (message.run_at - datetime.now(UTC)).total_seconds()
        assert 2**attempt * 0.5 - 0.5 < pause <= 2**attempt
        await make_due(database)


async def test_after_its_last_try_a_message_is_a_dead_letter(database: Database) -> None:
    await send(database)
    states = []
    for _ in range(3):
        await make_due(database)
        await worker(database, fail, queue_max_attempts=2).work()
        states += [(message.state, message.attempts) for message in await waiting(database)]
    assert states == [(MessageState.PENDING, 1), (MessageState.DEAD, 2), (MessageState.DEAD, 2)]


async def test_one_bad_message_does_not_hold_up_the_others(database: Database) -> None:
    log = Log()

    async def fail_on_first(session: AsyncSession, event: Event) -> None:
        await (fail if event.subject == "cup-0" else log)(session, event)

    await send(database, 3)
    await worker(database, fail_on_first).work()
    assert [event.subject for event in log.events] == ["cup-1", "cup-2"], "the oldest first"


async def test_an_event_that_nobody_handles_is_tried_again(database: Database) -> None:
    await send(database)
    async with database.transaction() as session:
        await session.execute(update(Message).values(type="tea.spilled"))
    await worker(database, Log()).work()
    (message,) = await waiting(database)
    assert (message.state, message.last_error) == (MessageState.PENDING, "UnknownEventError('tea.spilled')")


async def test_the_message_of_a_dead_worker_is_taken_up_again(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    log = Log()
    await send(database)
    async with database.transaction() as session:
        assert await outbox.claim(session, new_id(), limit=1, seconds=10)
    assert await worker(database, log).work() == 0
    pass_time(11)
    await worker(database, log).work()
    assert len(log.events) == 1


async def test_a_message_whose_lease_was_lost_meanwhile_is_left_to_its_new_holder(database: Database) -> None:
    log = Log()

    async def lose_the_others(session: AsyncSession, event: Event) -> None:
        await log(session, event)
        await session.execute(update(Message).where(Message.id != event.id).values(lease=new_id()))

    (first, second) = await send(database, 2)
    await worker(database, lose_the_others).work()
    assert log.events == [first]
    assert [message.id for message in await waiting(database)] == [second.id]


async def test_a_heartbeat_keeps_the_messages_of_a_slow_worker(database: Database) -> None:
    log = Log()

    async def dawdle(session: AsyncSession, event: Event) -> None:
        await log(session, event)
        await asyncio.sleep(0.4)

    await send(database, 5)
    slow = asyncio.create_task(worker(database, dawdle, queue_lease_seconds=1).work())
    while len(log.events) < 5:
        await asyncio.sleep(0.1)
        assert not slow.done()
        if log.events:
            assert await worker(database, log).work() == 0
    await slow


async def test_a_handler_logs_under_the_request_that_caused_the_message(database: Database) -> None:
    contexts = []

    async def note_context(session: AsyncSession, event: Event) -> None:
        contexts.append(structlog.contextvars.get_contextvars())

    with structlog.contextvars.bound_contextvars(request_id="the-cause"):
        (event,) = await send(database)
    await worker(database, note_context).work()
    assert contexts == [{"request_id": "the-cause", "message_id": str(event.id)}]


async def test_a_worker_outlives_an_outage_and_stops_when_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop, claim, outages = asyncio.Event(), outbox.claim, iter([OSError("gone"), None, None])

    async def claim_after_outage(session: AsyncSession, *args: object, **limits: object) -> object:
        if outage := next(outages):
            raise outage
        return await claim(session, *args, **limits)  # type: ignore[arg-type]  # passed on as they came

    async def handle_last(session: AsyncSession, event: Event) -> None:
        stop.set()

    monkeypatch.setattr(outbox, "claim", claim_after_outage)
    monkeypatch.setattr(consumer, "PAUSE_AFTER_OUTAGE_SECONDS", 0)
    await send(database)
    async with asyncio.timeout(5):
        await worker(database, handle_last, queue_poll_seconds=60).run(stop)
    assert await waiting(database) == []
