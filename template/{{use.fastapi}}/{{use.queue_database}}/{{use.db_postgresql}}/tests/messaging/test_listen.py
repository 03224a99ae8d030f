"""The bell between processes: NOTIFY by one, LISTEN by another."""

import pytest
from sqlalchemy import text

from app.config import Settings
from app.database import Database
from app.messaging import bell as bells
from app.messaging.bell import Bell
from tests.messaging.queues import rings_for_message
from tests.waiting import eventually

LISTENERS = "FROM pg_stat_activity WHERE query LIKE 'LISTEN %' AND datname = current_database()"


async def test_a_message_of_another_process_rings(queue_settings: Settings, bell: Bell) -> None:
    elsewhere = Database(queue_settings)
    async with Bell(queue_settings, elsewhere).hung(heard=False):
        assert await rings_for_message(bell, elsewhere)
    await elsewhere.close()


async def test_the_bell_listens_again_after_its_connection_was_lost(
    bell: Bell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bells, "PAUSE_AFTER_OUTAGE_SECONDS", 0.1)
    async with database.reading() as session:
        assert await session.scalar(text(f"SELECT count(pg_terminate_backend(pid)) {LISTENERS}")) == 1
    await eventually(lambda: rings_for_message(bell, database))
    async with database.reading() as session:
        assert await session.scalar(text(f"SELECT count(*) {LISTENERS}")) == 1


async def test_the_bell_outlives_a_notification_that_fails(
    bell: Bell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(bells, "CHANNEL", "no channel")
        assert not await rings_for_message(bell, database)
    assert await rings_for_message(bell, database)
