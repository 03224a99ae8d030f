"""The bell wakes workers at once; without it they would look once in a while."""

from contextlib import suppress

from app.database import Database
from app.messaging import dead_letters
from app.messaging.bell import Bell
from app.messaging.events import Event, publish
from tests.messaging.queues import TYPE, fail, is_woken, rings_for_message, worker


async def test_a_committed_message_rings_at_once(bell: Bell, database: Database) -> None:
    assert await rings_for_message(bell, database)


async def test_a_message_that_is_rolled_back_does_not_ring(bell: Bell, database: Database) -> None:
    with suppress(RuntimeError):
        async with database.transaction() as session:
            await publish(session, Event(TYPE, "cup-1", {}))
            raise RuntimeError
    assert not await is_woken(bell)


async def test_a_commit_without_a_message_does_not_ring(bell: Bell, database: Database) -> None:
    async with database.transaction() as session:
        await session.connection()
    assert not await is_woken(bell)


async def test_a_dead_letter_that_is_sent_again_rings(bell: Bell, database: Database) -> None:
    await worker(database, fail, queue_max_attempts=1).work()
    async with database.transaction() as session:
        assert await dead_letters.redrive(session)
    assert await is_woken(bell)
