"""An event is published with the change that it reports, and each of its handlers takes effect exactly once."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from unittest.mock import DEFAULT, AsyncMock
from uuid import UUID

import pytest
from prometheus_client import REGISTRY

from app import NAME, clock
from app.clock import new_id
from app.database import Database, Session
from app.jobs.models import ScheduledJob
from app.messaging import consumer, erase
from app.messaging.consumer import repository
from app.messaging.consumer.repository import Claimed
from app.messaging.events import Event, publish
from app.messaging.handlers import BatchHandler
from app.messaging.models import Message, MessageState
from app.messaging.notifier import Notifier
from app.messaging.repository import redrive
from tests import stored
from tests.messaging.conftest import (
    Worker,
    failing,
    handled_by,
    handler,
    is_notified,
    is_notified_of_message,
    send,
    subjects,
    waiting,
)


async def test_an_event_of_a_rolled_back_transaction_is_neither_stored_nor_notified(
    database: Database, notifier: Notifier
) -> None:
    assert await is_notified_of_message(notifier, database)
    stored = await waiting(database)

    with suppress(ValueError):
        async with database.transaction() as session:
            await publish(session, Event(type="tea.poured", subject="cup-1", data={}), owner="ada")
            raise ValueError("rolled back")

    assert not await is_notified(notifier)
    assert len(await waiting(database)) == len(stored)


async def test_a_message_holds_a_cloud_event(database: Database) -> None:
    [event] = await send(database)

    [message] = await waiting(database)
    assert message.event == {
        "specversion": "1.0",
        "id": str(event.id),
        "source": NAME,
        "type": "tea.poured",
        "subject": "cup-0",
        "time": clock.rfc3339(event.time),
        "datacontenttype": "application/json",
        "data": {},
    }


async def test_a_handled_message_leaves_the_queue(database: Database) -> None:
    await send(database)
    tea = handler()
    worker = Worker(database, tea)

    assert await worker.work() == 1
    assert await worker.work() == 0
    assert subjects(tea) == ["cup-0"]
    assert await waiting(database) == []


async def test_each_of_several_handlers_receives_the_event(database: Database) -> None:
    first, second = handler("first"), handler("second")
    await send(database, 2)

    assert await Worker(database, first, second).work() == 2

    assert subjects(first) == subjects(second) == ["cup-0", "cup-1"]
    assert await waiting(database) == []


async def test_each_handler_has_its_own_retries(database: Database, pass_time: Callable[[float], None]) -> None:
    good, bad = handler("good"), failing("bad")
    await send(database)
    worker = Worker(database, good, bad, queue_max_attempts=3)

    for _ in range(4):
        await worker.work()
        pass_time(60)

    assert good.await_count == 1
    assert bad.await_count == 3
    [dead] = await waiting(database)
    assert dead.state is MessageState.DEAD
    assert dead.handler == "bad"


async def test_a_batch_handler_receives_all_events_of_a_batch_at_once(database: Database) -> None:
    batches = []

    @BatchHandler
    async def pour_all(session: Session, events: Sequence[Event]) -> None:
        batches.append([event.subject for event in events])

    await send(database, 3)

    assert await Worker(database, pour_all).work() == 3
    assert batches == [["cup-0", "cup-1", "cup-2"]]
    assert await waiting(database) == []


async def test_a_batch_that_fails_is_rolled_back_and_its_events_are_handled_one_by_one(database: Database) -> None:
    batches = []

    @BatchHandler
    async def pour_all(session: Session, events: Sequence[Event]) -> None:
        batches.append([event.subject for event in events])
        await stored.add(session, *(ScheduledJob(name=event.subject, due_at=event.time) for event in events))
        if "cup-1" in batches[-1]:
            raise ValueError("the cup is broken")

    await send(database, 3)
    await Worker(database, pour_all).work()

    assert batches == [["cup-0", "cup-1", "cup-2"], ["cup-0"], ["cup-1"], ["cup-2"]]
    async with database.reading() as session:
        jobs = await stored.all_of(session, ScheduledJob)
    assert {"cup-0", "cup-1", "cup-2"} & {job.name for job in jobs} == {"cup-0", "cup-2"}
    [failed] = await waiting(database)
    assert (failed.subject, failed.attempts) == ("cup-1", 1)


async def test_a_redriven_message_of_one_batch_handler_is_not_passed_to_the_other_one(database: Database) -> None:
    poured: list[UUID] = []
    drunk: list[UUID] = []
    is_empty = True

    @BatchHandler
    async def pour_all(session: Session, events: Sequence[Event]) -> None:
        poured.extend(event.id for event in events)

    @BatchHandler
    async def drink_all(session: Session, events: Sequence[Event]) -> None:
        if is_empty:
            raise ValueError("the pot is empty")
        drunk.extend(event.id for event in events)

    events = await send(database)
    worker = Worker(database, pour_all, drink_all, queue_max_attempts=1)
    await worker.work()
    is_empty = False
    async with database.transaction() as session:
        assert await redrive(session, None) == 1
    events += await send(database, 2)
    await worker.work()

    assert poured == drunk == [event.id for event in events]


async def test_an_event_with_a_batch_handler_and_another_one_is_handled_alone(database: Database) -> None:
    batches = []

    @BatchHandler
    async def pour_all(session: Session, events: Sequence[Event]) -> None:
        batches.append([event.subject for event in events])

    tea = handler()
    await send(database, 2)
    await Worker(database, pour_all, tea).work()

    assert batches == [["cup-0"], ["cup-1"]]
    assert subjects(tea) == ["cup-0", "cup-1"]


async def test_several_workers_handle_each_message_once(database: Database) -> None:
    tea = handler()
    events = await send(database, 30)
    workers = [Worker(database, tea, queue_batch_size=4) for _ in range(3)]

    while any(await asyncio.gather(*(worker.work() for worker in workers))):
        pass

    assert sorted(subjects(tea)) == sorted(event.subject for event in events)


async def test_the_effect_of_a_handler_that_fails_is_rolled_back_and_other_messages_are_handled(
    database: Database,
) -> None:
    async def act_then_fail(session: Session, event: Event) -> None:
        await stored.add(session, ScheduledJob(name=event.subject, due_at=event.time))
        if event.subject == "cup-0":
            raise ValueError("the pot is empty")

    await send(database, 3)
    await Worker(database, act_then_fail, queue_batch_size=2).work()

    async with database.reading() as session:
        assert await stored.find(session, ScheduledJob, "cup-0") is None
        assert await stored.find(session, ScheduledJob, "cup-1") is not None


async def test_a_message_that_has_failed_before_is_not_handled_together_with_new_ones(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    batches = []

    @BatchHandler
    async def pour_all(session: Session, events: Sequence[Event]) -> None:
        batches.append([event.id for event in events])

    [failed] = await send(database)
    await Worker(database, failing()).work()
    pass_time(60)
    new = await send(database, 2)
    await Worker(database, pour_all).work()

    assert batches == [[failed.id], [event.id for event in new]]


async def test_a_redriven_message_of_one_handler_is_not_passed_to_the_others(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    good, bad = handler("good"), failing("bad")
    await send(database)
    worker = Worker(database, good, bad, queue_max_attempts=1)
    await worker.work()
    async with database.transaction() as session:
        assert await redrive(session, None) == 1
    bad.side_effect = None
    await send(database, 2)
    await worker.work()

    assert subjects(good) == ["cup-0", "cup-0", "cup-1"]
    assert subjects(bad) == ["cup-0", "cup-0", "cup-0", "cup-1"]
    assert await waiting(database) == []


async def test_messages_of_different_types_are_handled_in_their_order(database: Database) -> None:
    order: list[str] = []

    @BatchHandler
    async def pour_all(session: Session, events: Sequence[Event]) -> None:
        order.extend(event.type for event in events)

    milk = handler(side_effect=lambda _, event: order.append(event.type))
    types = ["tea.poured", "milk.added", "tea.poured", "tea.poured"]
    async with database.transaction() as session:
        for type_ in types:
            await publish(session, Event(type=type_, subject="cup", data={}), owner="ada")
    worker = Worker(database)
    worker.handlers = {"tea.poured": (pour_all,), "milk.added": (milk,)}
    await worker.work()

    assert order == types


async def test_retries_wait_longer_each_time_until_the_message_is_a_dead_letter(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    await send(database)
    worker = Worker(database, failing(), queue_max_attempts=3)

    for attempt in (1, 2):
        assert await worker.work() == 1
        assert await worker.work() == 0, "the message is not due yet"
        [message] = await waiting(database)
        assert 2**attempt * 0.5 - 0.5 < (message.run_at - clock.now()).total_seconds() <= 2**attempt
        pass_time(2**attempt)

    assert await worker.work() == 1
    [message] = await waiting(database)
    assert message.state is MessageState.DEAD
    pass_time(3600)
    assert await worker.work() == 0


async def test_only_messages_whose_handler_succeeded_count_as_published(database: Database) -> None:
    def published() -> float:
        return REGISTRY.get_sample_value("outbox_published_total") or 0

    before = published()
    await send(database)
    await Worker(database, failing()).work()
    assert published() == before

    await send(database)
    await Worker(database, handler()).work()
    assert published() == before + 1


async def test_a_message_of_a_worker_that_died_is_delivered_again(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    await send(database)
    async with database.transaction() as session:
        [lost] = await repository.claim(session, new_id(), limit=1, seconds=10) or []
    assert await Worker(database, failing()).work() == 0
    pass_time(11)

    assert await Worker(database, failing()).work() == 1

    async with database.transaction() as session:
        assert not await repository.remove(session, [lost]), "a worker without the lease changes nothing"


async def test_later_messages_of_a_subject_wait_for_the_worker_that_has_an_earlier_one(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    tea = handler()
    first, other = await send(database, 2)
    async with database.transaction() as session:
        assert await repository.claim(session, new_id(), limit=1, seconds=10)
    [later] = await send(database)
    await Worker(database, tea).work()
    assert handled_by(tea) == [other.id]

    pass_time(11)
    while await Worker(database, tea).work():
        pass

    assert handled_by(tea) == [other.id, first.id, later.id]


async def test_two_workers_do_not_claim_at_the_same_time(database: Database) -> None:
    await send(database)
    async with database.transaction() as session:
        assert await repository.claim(session, new_id(), limit=1, seconds=10)
        waiting_worker = asyncio.create_task(Worker(database, handler()).work())
        done, _ = await asyncio.wait([waiting_worker], timeout=0.2)
        assert not done
    assert await waiting_worker == 0


async def test_a_message_that_crashes_its_worker_becomes_a_dead_letter_and_does_not_delay_others(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    tea = handler()
    crashes = 0

    async def crash_at_the_first(session: Session, event: Event) -> None:
        if event.subject == "cup-0":
            raise SystemExit
        await tea(session, event)

    await send(database, 3)
    for _ in range(8):
        try:
            await Worker(database, crash_at_the_first, queue_max_attempts=3).work()
        except SystemExit:
            crashes += 1
        pass_time(11)

    assert crashes == 3
    assert sorted(subjects(tea)) == ["cup-1", "cup-2"]
    [dead] = await waiting(database)
    assert dead.state is MessageState.DEAD
    assert dead.last_error == "RuntimeError('the worker process died while handling this message')"


@pytest.mark.parametrize("in_batches", [False, True])
async def test_a_worker_that_has_lost_a_lease_handles_nothing_of_its_subject(
    database: Database, monkeypatch: pytest.MonkeyPatch, in_batches: bool
) -> None:
    claim = repository.claim

    async def claim_and_lose(session: Session, *arguments: Any, **options: Any) -> list[Claimed] | None:
        claimed = await claim(session, *arguments, **options)
        message = await stored.find(session, Message, lost.id)
        assert message
        await stored.change(session, message, lease=new_id())
        return claimed

    monkeypatch.setattr(repository, "claim", claim_and_lose)
    lost, other = await send(database, 2)
    [later] = await send(database)
    tea = handler()

    @BatchHandler
    async def pour_all(session: Session, events: Sequence[Event]) -> None:
        for event in events:
            await tea(session, event)

    await Worker(database, pour_all if in_batches else tea).work()

    assert handled_by(tea) == [other.id]
    assert [message.id for message in await waiting(database)] == [lost.id, later.id]


async def test_a_message_whose_lease_is_lost_does_not_count_as_a_dead_letter(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dead() -> float:
        return REGISTRY.get_sample_value("dead_letters_total", {"type": "tea.poured"}) or 0

    give_up = repository.give_up

    async def lose_then_give_up(session: Session, message: Claimed, error: str) -> bool:
        await stored.change_all(session, Message, lease=new_id())
        return await give_up(session, message, error)

    before = dead()
    monkeypatch.setattr(repository, "give_up", lose_then_give_up)
    await send(database)
    await Worker(database, failing(), queue_max_attempts=1).work()
    assert dead() == before

    monkeypatch.undo()
    await send(database, 2)  # that of the first subject waits for the worker that has the lease
    await Worker(database, failing(), queue_max_attempts=1).work()
    assert dead() == before + 1


async def test_a_heartbeat_extends_the_lease_of_a_slow_worker(database: Database) -> None:
    begun = asyncio.Event()

    async def be_slow(session: Session, event: Event) -> None:
        begun.set()
        await asyncio.sleep(0.4)

    await send(database, 4)
    slow = asyncio.create_task(Worker(database, be_slow, queue_lease_seconds=1).work())
    await begun.wait()

    ends = set()
    while not slow.done():
        ends |= {message.run_at for message in await waiting(database)}
        await asyncio.sleep(0.1)
    assert max(ends) > min(ends)
    assert await slow == 4


async def test_a_batch_ends_even_if_its_heartbeat_cannot_be_cancelled(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def extend(*_: object, **__: object) -> None:
        with suppress(asyncio.CancelledError):
            await asyncio.sleep(0.4)

    async def be_slow(session: Session, event: Event) -> None:
        await asyncio.sleep(0.5)

    monkeypatch.setattr(repository, "extend", extend)
    await send(database)

    assert await asyncio.wait_for(Worker(database, be_slow, queue_lease_seconds=1).work(), 5) == 1


async def test_a_worker_survives_an_outage_of_the_database(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = asyncio.Event()
    claim = AsyncMock(wraps=repository.claim, side_effect=[OSError("gone"), DEFAULT])
    monkeypatch.setattr(repository, "claim", claim)
    monkeypatch.setattr(consumer, "PAUSE_AFTER_OUTAGE_SECONDS", 0)
    await send(database)
    worker = Worker(database, handler(side_effect=lambda *_: stop.set()))

    await asyncio.wait_for(worker.queue.consume(worker.handlers, stop), 5)

    assert await waiting(database) == []


async def test_erasing_a_user_deletes_its_pending_messages_and_dead_letters(database: Database) -> None:
    await send(database, 2)
    await Worker(database, failing(), queue_max_attempts=1, queue_batch_size=1).work()
    assert {message.state for message in await waiting(database)} == {MessageState.DEAD, MessageState.PENDING}

    async with database.transaction() as session:
        await erase(session, "somebody else")
        assert len(await waiting(database)) == 2
        await erase(session, "ada")

    assert await waiting(database) == []
