"""Messages leave with the change they tell of; workers hand each to its handler once, whatever goes wrong."""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from unittest.mock import DEFAULT, AsyncMock

import pytest
import structlog
from click.testing import CliRunner, Result
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app import NAME, cli, clock
from app.clock import new_id
from app.database import Database
from app.jobs import ScheduledJob
from app.messaging import consumer, outbox
from app.messaging.bell import Bell
from app.messaging.events import Event, HandledMessage, Message, MessageState, publish
from tests.messaging.conftest import fail, is_woken, rings_for_message, send, subjects, waiting, worker


async def test_an_event_that_is_rolled_back_is_neither_stored_nor_heard_of(database: Database, bell: Bell) -> None:
    assert await rings_for_message(bell, database)
    stored = await waiting(database)
    with suppress(ValueError):
        async with database.transaction() as session:
            await publish(session, Event(type="tea.poured", subject="cup-1", data={}))
            raise ValueError("rolled back")
    assert not await is_woken(bell)
    assert len(await waiting(database)) == len(stored)


async def test_a_message_is_a_cloud_event_handled_once_under_the_request_that_caused_it(database: Database) -> None:
    contexts = []

    async def note_context(session: AsyncSession, event: Event) -> None:
        contexts.append((event, structlog.contextvars.get_contextvars()))

    with structlog.contextvars.bound_contextvars(request_id="the-cause"):
        (event,) = await send(database)
    (message,) = await waiting(database)
    cloud_event = {"specversion": "1.0", "id": str(event.id), "type": "tea.poured", "source": NAME, "data": {}}
    cloud_event |= {"subject": "cup-0", "time": clock.rfc3339(event.time), "datacontenttype": "application/json"}
    assert message.envelope == cloud_event
    assert [await worker(database, note_context).work() for _ in range(2)] == [1, 0]
    assert contexts == [(event, {"request_id": "the-cause", "message_id": str(event.id)})]


async def test_a_message_that_is_delivered_twice_has_one_effect(database: Database) -> None:
    log = AsyncMock()
    await send(database)
    (message,) = await waiting(database)
    await worker(database, log).work()
    async with database.transaction() as session:
        session.add(Message(id=message.id, type=message.type, envelope=message.envelope, run_at=clock.now()))
    assert await worker(database, log).work() == 1
    assert (subjects(log), await waiting(database)) == (["cup-0"], [])


async def test_several_workers_on_one_queue_handle_each_message_once(database: Database) -> None:
    log = AsyncMock()
    events = await send(database, 30)
    workers = [worker(database, log, queue_batch_size=4) for _ in range(3)]
    while any(await asyncio.gather(*(each.work() for each in workers))):
        pass
    assert sorted(subjects(log)) == sorted(event.subject for event in events)


async def test_the_effect_of_a_handler_that_fails_is_undone_and_the_others_go_on(database: Database) -> None:
    log = AsyncMock()

    async def act_then_fail(session: AsyncSession, event: Event) -> None:
        session.add(ScheduledJob(name=event.subject, due_at=event.time))
        await session.flush()
        await (fail if event.subject == "cup-0" else log)(session, event)

    await send(database, 3)
    await worker(database, act_then_fail, queue_batch_size=2).work()
    assert subjects(log) == ["cup-1"], "the oldest first"
    async with database.reading() as session:
        assert (await session.scalars(select(ScheduledJob.name))).all() == ["cup-1"]


async def test_a_message_that_fails_waits_longer_each_time_until_it_is_a_dead_letter(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    await send(database)
    for attempt in (1, 2, 3):
        assert [await worker(database, fail, queue_max_attempts=3).work() for _ in range(2)] == [1, 0]
        (message,) = await waiting(database)
        assert 2**attempt * 0.5 - 0.5 < (message.run_at - clock.now()).total_seconds() <= 2**attempt
        assert message.state is (MessageState.DEAD if attempt == 3 else MessageState.PENDING)
        pass_time(2**attempt)
    assert await worker(database, fail).work() == 0


async def test_the_message_of_a_dead_worker_is_taken_up_again(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    await send(database)
    async with database.transaction() as session:
        (lost,) = await outbox.claim(session, new_id(), limit=1, seconds=10)
    assert await worker(database, fail).work() == 0
    pass_time(11)
    assert await worker(database, fail).work() == 1
    async with database.transaction() as session:
        assert not await outbox.hold(session, lost), "should the dead worker live, it leaves the message alone"


async def test_a_message_that_no_worker_outlives_is_given_up_without_its_neighbours(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    log, deaths = AsyncMock(), 0

    async def die_of_the_first(session: AsyncSession, event: Event) -> None:
        if event.subject == "cup-0":
            raise SystemExit
        await log(session, event)

    await send(database, 3)
    for _ in range(8):
        try:
            await worker(database, die_of_the_first, queue_max_attempts=3).work()
        except SystemExit:
            deaths += 1
        pass_time(11)
    assert (deaths, sorted(subjects(log))) == (3, ["cup-1", "cup-2"])
    (dead,) = await waiting(database)
    assert (dead.state, dead.last_error) == (MessageState.DEAD, "RuntimeError('no worker outlived it')")


async def test_a_message_whose_lease_was_lost_meanwhile_is_left_to_its_new_holder(database: Database) -> None:
    async def lose_the_others(session: AsyncSession, event: Event) -> None:
        await session.execute(update(Message).where(Message.id != event.id).values(lease=new_id()))

    await send(database, 2)
    await worker(database, lose_the_others).work()
    assert [message.envelope["subject"] for message in await waiting(database)] == ["cup-1"]


async def test_a_heartbeat_keeps_the_messages_of_a_slow_worker(database: Database) -> None:
    begun = asyncio.Event()

    async def dawdle(session: AsyncSession, event: Event) -> None:
        begun.set()
        await asyncio.sleep(0.4)

    await send(database, 4)
    slow = asyncio.create_task(worker(database, dawdle, queue_lease_seconds=1).work())
    await begun.wait()
    while not slow.done():
        assert all(message.run_at > clock.now() for message in await waiting(database))
        await asyncio.sleep(0.1)
    assert await slow == 4


async def test_a_worker_outlives_an_outage_and_stops_when_told(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = asyncio.Event()
    claim = AsyncMock(wraps=outbox.claim, side_effect=[OSError("gone"), DEFAULT])
    monkeypatch.setattr(outbox, "claim", claim)
    monkeypatch.setattr(consumer, "PAUSE_AFTER_OUTAGE_SECONDS", 0)
    await send(database)
    await asyncio.wait_for(worker(database, AsyncMock(side_effect=lambda *_: stop.set())).run(stop), 5)
    assert await waiting(database) == []


async def test_the_purge_forgets_only_what_cannot_come_again(database: Database) -> None:
    old, recent = (HandledMessage(id=new_id(), handled_at=clock.now() - timedelta(days=days)) for days in (8, 6))
    async with database.transaction() as session:
        session.add_all([old, recent])
        await outbox.purge(session)
        assert (await session.scalars(select(HandledMessage.id))).all() == [recent.id]


@pytest.mark.usefixtures("environment")
async def test_commands_list_show_and_redrive_dead_letters(database: Database) -> None:
    events = await send(database, 2)
    await worker(database, fail, queue_max_attempts=1).work()
    listed = (await _dead_letters("list")).stdout.splitlines()
    assert [line.split()[0] for line in listed] == [str(event.id) for event in events]
    shown = json.loads((await _dead_letters("show", str(events[0].id))).stdout)
    assert Event.model_validate(shown.pop("event")) == events[0]
    assert shown == {"attempts": 1, "last_error": "ValueError('the pot is empty')"}
    assert (await _dead_letters("redrive", str(events[0].id))).stdout == "1 sent\n"
    for command in ("show", "redrive"):
        refused = await _dead_letters(command, str(events[0].id))
        assert (refused.exit_code, refused.stderr) == (1, "Error: There is no such dead letter\n")
    assert (await _dead_letters("redrive")).stdout == "1 sent\n"
    assert [message.attempts for message in await waiting(database)] == [0, 0]
    assert await worker(database, AsyncMock()).work() == 2


async def _dead_letters(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, cli.main, ["dead-letters", *arguments])
