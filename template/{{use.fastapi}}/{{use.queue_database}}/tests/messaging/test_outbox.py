"""Messages are stored with the change they tell of, and claimed by one worker at a time."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
import structlog
from sqlalchemy import select

from app import NAME, clock
from app.database import Database
from app.ids import new_id
from app.messaging import outbox
from app.messaging.events import Event, publish
from app.messaging.models import HandledMessage
from tests.messaging.queues import TYPE, Log, send, waiting, worker


async def test_an_event_leaves_with_its_transaction_or_never(database: Database) -> None:
    with pytest.raises(ValueError, match="rolled back"):
        async with database.transaction() as session:
            await publish(session, Event(TYPE, "cup-1", {}))
            await session.flush()
            raise ValueError("rolled back")
    assert await waiting(database) == []
    await send(database)
    assert len(await waiting(database)) == 1


async def test_a_message_holds_a_cloud_event_and_the_request_that_caused_it(database: Database) -> None:
    with structlog.contextvars.bound_contextvars(request_id="the-cause"):
        (event,) = await send(database)
    (message,) = await waiting(database)
    assert (message.id, message.request_id) == (event.id, "the-cause")
    assert message.envelope == {
        "specversion": "1.0",
        "id": str(event.id),
        "source": NAME,
        "type": TYPE,
        "subject": "cup-0",
        "time": clock.rfc3339(event.time),
        "datacontenttype": "application/json",
        "data": {},
    }
    assert Event.from_envelope(message.envelope) == event


async def test_workers_that_claim_at_the_same_time_get_different_messages(database: Database) -> None:
    await send(database, 10)
    claims = await asyncio.gather(*(_claim(database, limit=3) for _ in range(5)))
    claimed = [message for claim in claims for message in claim]
    assert len(claimed) == len(set(claimed))
    assert max(map(len, claims)) == 3


async def test_the_oldest_message_is_claimed_first(database: Database) -> None:
    events = await send(database, 3)
    assert [await _claim(database, limit=1) for _ in events] == [[str(event.id)] for event in events]


async def test_a_claim_ends_with_its_lease(database: Database, pass_time: Callable[[float], None]) -> None:
    await send(database)
    assert await _claim(database, seconds=10)
    pass_time(9)
    assert not await _claim(database)
    pass_time(2)
    assert await _claim(database)


async def test_a_worker_that_lost_its_lease_changes_nothing(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    await send(database)
    async with database.transaction() as session:
        (lost,) = await outbox.claim(session, new_id(), limit=1, seconds=10)
    pass_time(11)
    await _claim(database)
    async with database.transaction() as session:
        assert not await outbox.hold(session, lost)
        await outbox.give_back(session, lost, "too late", max_attempts=1)
    assert [message.last_error for message in await waiting(database)] == [None]


async def test_the_purge_forgets_only_what_cannot_come_again(
    database: Database, pass_time: Callable[[float], None]
) -> None:
    await send(database)
    await worker(database, Log()).work()
    pass_time(timedelta(days=7, seconds=1).total_seconds())
    (recent,) = await send(database)
    async with database.transaction() as session:
        session.add(HandledMessage(id=recent.id, handled_at=clock.now()))
    async with database.transaction() as session:
        await outbox.purge(session)
    async with database.reading() as session:
        assert (await session.scalars(select(HandledMessage.id))).all() == [recent.id]


async def _claim(database: Database, *, limit: int = 10, seconds: float = 10) -> list[str]:
    async with database.transaction() as session:
        return [str(message.id) for message in await outbox.claim(session, new_id(), limit=limit, seconds=seconds)]
