"""An event is sent to the broker after its transaction, and each of its handlers takes effect exactly once."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from unittest.mock import DEFAULT, AsyncMock

import pytest
from prometheus_client import REGISTRY

from app import clock
from app.clock import new_id
from app.database import Database, Session
from app.jobs import run_if_due
from app.jobs.models import ScheduledJob
from app.messaging import consumer, erase, jobs, relay, repository
from app.messaging.broker import Broker
from app.messaging.consumer import KEPT_FOR
from app.messaging.consumer.models import HandledMessage
from app.messaging.envelope import Envelope, UnsendableError
from app.messaging.events import Event, publish
from app.messaging.models import MessageState
from tests import stored
from tests.conftest import eventually
from tests.messaging.conftest import Worker, failing, handler, send, subjects, waiting
from tests.messaging.workers import Death, die_while_handling, handle, handle_and_die


async def test_an_event_is_sent_after_its_transaction_and_an_event_of_a_rolled_back_one_is_not(
    database: Database,
) -> None:
    tea = handler()
    worker = Worker(database, tea)
    with suppress(ValueError):
        async with database.transaction() as session:
            await publish(session, Event(type="tea.poured", subject="cup-1", data={}), owner="ada")
            raise ValueError("rolled back")
    assert await worker.work() == 0

    [event] = await send(database)
    assert await worker.work() == 1

    assert tea.await_args is not None
    assert tea.await_args.args[1] == event.model_copy(update={"owner": "ada"})
    assert await waiting(database) == []


async def test_messages_of_a_relay_that_died_are_sent_again_and_handled_once(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tea = handler()
    worker = Worker(database, tea)
    await send(database, 3)
    with monkeypatch.context() as patch:
        publish = Broker.publish

        async def publish_and_die(self: Broker, envelopes: Sequence[Envelope]) -> None:
            await publish(self, envelopes)
            raise Death

        patch.setattr(Broker, "publish", publish_and_die)
        with suppress(Death):
            await worker.queue.relay.send_batch()
    assert len(await waiting(database)) == 3

    assert await worker.queue.relay.send_batch() == 3
    await handle(worker.queue, worker.handlers, 6)

    assert sorted(subjects(tea)) == ["cup-0", "cup-1", "cup-2"]


async def test_a_message_that_fails_before_its_relay_has_committed_is_not_lost(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker = Worker(database, failing())
    await send(database)
    publish = Broker.publish
    handling: list[asyncio.Task[None]] = []

    async def publish_and_wait(self: Broker, envelopes: Sequence[Envelope]) -> None:
        await publish(self, envelopes)
        handling.append(asyncio.create_task(handle(worker.queue, worker.handlers, 1)))
        await asyncio.sleep(0.5)

    monkeypatch.setattr(Broker, "publish", publish_and_wait)
    await worker.queue.relay.send_batch()
    await asyncio.gather(*handling)

    [message] = await waiting(database)
    assert (message.attempts, message.last_error) == (1, "ValueError('the pot is empty')")


async def test_a_message_that_is_handled_but_not_acknowledged_is_handled_once(database: Database) -> None:
    tea = handler()
    worker = Worker(database, tea)
    await send(database)
    await worker.queue.relay.send_batch()
    await handle_and_die(worker.queue, worker.handlers)

    await handle(worker.queue, worker.handlers, 1)

    assert subjects(tea) == ["cup-0"]


async def test_a_message_that_the_broker_never_takes_becomes_a_dead_letter_and_the_others_are_sent(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = Broker.publish

    async def refuse_the_second(self: Broker, envelopes: Sequence[Envelope]) -> None:
        for envelope in envelopes:
            if envelope.subject == "cup-1":
                raise UnsendableError(envelope, "it is too large")
        await publish(self, envelopes)

    monkeypatch.setattr(Broker, "publish", refuse_the_second)
    tea = handler()
    worker = Worker(database, tea)
    await send(database, 3)

    assert await worker.queue.relay.send_batch() == 1
    assert await worker.work() == 2

    assert sorted(subjects(tea)) == ["cup-0", "cup-2"]
    [dead] = await waiting(database)
    assert (dead.state, dead.last_error) == (MessageState.DEAD, "it is too large")


async def test_one_relay_sends_at_a_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await send(database, 40)
    sent: list[Envelope] = []

    async def note(self: Broker, envelopes: Sequence[Envelope]) -> None:
        await asyncio.sleep(0.01)
        sent.extend(envelopes)

    monkeypatch.setattr(Broker, "publish", note)
    relays = [Worker(database, queue_batch_size=8).queue.relay for _ in range(3)]
    while await waiting(database):
        await asyncio.gather(*(relay.send_batch() for relay in relays))

    assert [envelope.subject for envelope in sent] == [f"cup-{number}" for number in range(40)]


async def test_messages_of_one_subject_keep_their_order_with_several_workers(database: Database) -> None:
    seen: dict[str, list[int]] = {}

    async def note(session: Session, event: Event) -> None:
        await asyncio.sleep(0.001)
        seen.setdefault(event.subject, []).append(event.data["number"])

    async with database.transaction() as session:
        for number in range(60):
            event = Event(type="tea.poured", subject=f"cup-{number % 3}", data={"number": number})
            await publish(session, event, owner="ada")
    stop = asyncio.Event()
    workers = [Worker(database, note, queue_batch_size=25) for _ in range(3)]
    working = [asyncio.create_task(worker.queue.consume(worker.handlers, stop)) for worker in workers]

    async def is_done() -> bool:
        return sum(map(len, seen.values())) == 60

    await eventually(is_done)
    stop.set()
    await asyncio.gather(*working)

    assert seen == {f"cup-{first}": list(range(first, 60, 3)) for first in range(3)}


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
    assert (dead.state, dead.handler, dead.attempts) == (MessageState.DEAD, "bad", 3)


async def test_retries_wait_longer_each_time_until_the_message_is_a_dead_letter(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    def dead_letters() -> float:
        return REGISTRY.get_sample_value("dead_letters_total", {"type": "tea.poured"}) or 0

    before = dead_letters()
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
    assert message.last_error == "ValueError('the pot is empty')"
    assert dead_letters() == before + 1
    pass_time(3600)
    assert await worker.work() == 0


async def test_the_effect_of_a_handler_that_fails_is_rolled_back_and_other_messages_are_handled(
    database: Database,
) -> None:
    async def act_then_fail(session: Session, event: Event) -> None:
        await stored.add(session, ScheduledJob(name=event.subject, due_at=event.time))
        if event.subject == "cup-0":
            raise ValueError("the pot is empty")

    await send(database, 3)
    await Worker(database, act_then_fail).work()

    async with database.reading() as session:
        assert await stored.find(session, ScheduledJob, "cup-0") is None
        assert await stored.find(session, ScheduledJob, "cup-1") is not None


async def test_a_dead_letter_is_handled_after_it_was_redriven(database: Database) -> None:
    await send(database)
    await Worker(database, failing("pour"), queue_max_attempts=1).work()
    async with database.transaction() as session:
        assert await repository.redrive(session, None) == 1

    tea = handler("pour")
    assert await Worker(database, tea).work() == 1

    assert subjects(tea) == ["cup-0"]
    assert await waiting(database) == []


async def test_an_event_type_that_no_handler_is_listed_for_is_retried(database: Database) -> None:
    async with database.transaction() as session:
        await publish(session, Event(type="tea.spilled", subject="cup-0", data={}), owner="ada")
    worker = Worker(database)

    await worker.work()

    [message] = await waiting(database)
    assert message.last_error == "LookupError('no handler for tea.spilled')"


async def test_an_event_type_that_is_listed_without_handlers_is_for_other_services(database: Database) -> None:
    await send(database)

    assert await Worker(database).work() == 1

    assert await waiting(database) == []


async def test_a_message_that_kills_its_worker_becomes_a_dead_letter_and_the_others_are_handled(
    database: Database,
) -> None:
    tea = handler()
    deaths = 0

    async def die_at_the_first(session: Session, event: Event) -> None:
        nonlocal deaths
        if event.subject == "cup-0":
            deaths += 1
            raise Death
        await tea(session, event)

    await send(database, 8)
    worker = Worker(database, die_at_the_first, queue_max_attempts=3)
    await worker.queue.relay.send_batch()
    for _ in range(3):
        await die_while_handling(worker.queue, worker.handlers)
    stop = asyncio.Event()
    working = asyncio.create_task(worker.queue.consume(worker.handlers, stop))

    async def is_dead() -> bool:
        return bool(await waiting(database)) and tea.await_count == 7

    await eventually(is_dead)
    stop.set()
    await working

    assert deaths == 3
    assert sorted(subjects(tea)) == [f"cup-{number}" for number in range(1, 8)]
    [dead] = await waiting(database)
    assert dead.state is MessageState.DEAD
    assert dead.last_error == "RuntimeError('the worker process died while handling this message')"


async def test_a_worker_survives_an_outage_of_the_database_and_keeps_the_order(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tea = handler()
    worker = Worker(database, tea)
    async with database.transaction() as session:
        for number in range(3):
            event = Event(type="tea.poured", subject="cup", data={"number": number})
            await publish(session, event, owner="ada")
    remember = AsyncMock(wraps=consumer.repository.remember, side_effect=[OSError("gone"), *[DEFAULT] * 3])
    store = AsyncMock(wraps=consumer.repository.store_again, side_effect=[OSError("gone")])
    monkeypatch.setattr(consumer.repository, "remember", remember)
    monkeypatch.setattr(consumer.repository, "store_again", store)
    monkeypatch.setattr(consumer, "PAUSE_AFTER_OUTAGE_SECONDS", 0)

    await worker.work()

    assert [call.args[1].data["number"] for call in tea.await_args_list] == [0, 1, 2]


async def test_an_outage_of_the_database_is_no_death_of_the_worker(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    await send(database)
    dying = Worker(database, handler("pour", side_effect=Death))
    await dying.queue.relay.send_batch()
    await die_while_handling(dying.queue, dying.handlers)
    outage = [OSError("gone")] * 3
    remember = AsyncMock(wraps=consumer.repository.remember, side_effect=[*outage, DEFAULT])
    monkeypatch.setattr(consumer.repository, "remember", remember)
    monkeypatch.setattr(consumer.repository, "store_again", AsyncMock(side_effect=outage))
    monkeypatch.setattr(consumer, "PAUSE_AFTER_OUTAGE_SECONDS", 0)

    tea = handler("pour")
    worker = Worker(database, tea, queue_max_attempts=3)
    await handle(worker.queue, worker.handlers, 1)

    assert subjects(tea) == ["cup-0"]


async def test_messages_wait_in_the_outbox_while_the_broker_is_away(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tea = handler()
    worker = Worker(database, tea)
    stop, away = asyncio.Event(), AsyncMock(side_effect=OSError("away"))
    monkeypatch.setattr(relay, "MAX_PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(consumer, "MAX_PAUSE_SECONDS", 0.1)
    with monkeypatch.context() as patch:
        patch.setattr(Broker, "connect", away)
        working = asyncio.create_task(worker.queue.consume(worker.handlers, stop))
        await send(database)
        await asyncio.sleep(0.3)
        assert away.await_count > 2
        assert len(await waiting(database)) == 1
        with pytest.raises(OSError, match="away"):
            await worker.queue.dependencies["queue"]()

    async def is_handled() -> bool:
        return subjects(tea) == ["cup-0"]

    await eventually(is_handled)
    await worker.queue.dependencies["queue"]()
    stop.set()
    await working


async def test_a_connection_that_is_lost_is_opened_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    tea = handler()
    worker = Worker(database, tea)
    stop = asyncio.Event()
    monkeypatch.setattr(consumer, "MAX_PAUSE_SECONDS", 0.1)
    working = asyncio.create_task(worker.queue.consume(worker.handlers, stop))

    for count in (1, 2):
        await send(database)

        async def is_handled(count: int = count) -> bool:
            return tea.await_count == count

        await eventually(is_handled)
        await worker.queue.broker.close()

    stop.set()
    await working


async def test_what_is_no_event_is_put_aside(database: Database) -> None:
    tea = handler()
    worker = Worker(database, tea)
    broken = Envelope(str(new_id()), "tea.poured", 0, "cup", None, b"{}", {"owner": "ada", "attempts": "0"})
    await worker.queue.broker.connect()
    await worker.queue.broker.publish([broken])

    await handle(worker.queue, worker.handlers, 1)

    await send(database)
    assert await worker.work() == 1
    assert subjects(tea) == ["cup-0"]


async def test_what_was_handled_is_forgotten_after_a_while(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    async def remembered() -> int:
        async with database.reading() as session:
            return len(await stored.all_of(session, HandledMessage))

    [purge] = jobs
    await send(database, 2)
    await Worker(database, handler()).work()
    await run_if_due(database, purge)
    assert await remembered() == 2

    pass_time((KEPT_FOR + timedelta(hours=2)).total_seconds())
    await run_if_due(database, purge)
    assert await remembered() == 0


async def test_erasing_a_user_deletes_its_pending_messages_and_dead_letters(database: Database) -> None:
    await send(database)
    await Worker(database, failing(), queue_max_attempts=1).work()
    await send(database)
    assert {message.state for message in await waiting(database)} == {MessageState.DEAD, MessageState.PENDING}

    async with database.transaction() as session:
        await erase(session, "somebody else")
        assert len(await waiting(database)) == 2
        await erase(session, "ada")

    assert await waiting(database) == []
