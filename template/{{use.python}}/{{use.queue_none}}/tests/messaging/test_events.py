"""Events are logged, and only those of committed transactions."""

from contextlib import suppress

from structlog.testing import capture_logs

from app.database import Database
from app.messaging.events import Event, publish

EVENT = Event(type="tea.poured", subject="cup-1", data={})


async def test_an_event_is_logged_after_the_commit(database: Database) -> None:
    with capture_logs() as logged:
        async with database.transaction() as session:
            await publish(session, EVENT, owner="ada")
            assert logged == []

    assert [(line["event"], line["subject"]) for line in logged] == [("event", "cup-1")]


async def test_an_event_of_a_rolled_back_transaction_is_not_logged(database: Database) -> None:
    with capture_logs() as logged, suppress(ValueError):
        async with database.transaction() as session:
            await publish(session, EVENT, owner="ada")
            raise ValueError("rolled back")

    assert logged == []
