"""The bell between processes: NOTIFY by one, LISTEN by another."""

import pytest
from sqlalchemy import text

from app.config import Settings
from app.database import Database
from app.messaging import bell as bells
from app.messaging.bell import Bell
from tests.conftest import eventually
from tests.messaging.conftest import rings_for_message

BELLS = "FROM pg_stat_activity WHERE query ~ '^(LISTEN|NOTIFY) ' AND datname = current_database()"


async def test_a_message_of_another_process_rings(database_url: str, bell: Bell) -> None:
    settings = Settings(app_env="test", database_url=f"{database_url}?ssl=prefer&prepared_statement_cache_size=50")
    async with Database(settings) as elsewhere, Bell(settings).hung(heard=False):
        assert await rings_for_message(bell, elsewhere)


async def test_the_bell_listens_again_after_its_connection_was_lost(
    bell: Bell, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bells, "PAUSE_AFTER_OUTAGE_SECONDS", 0.1)
    async with database.reading() as session:
        assert await session.scalar(text(f"SELECT count(pg_terminate_backend(pid)) {BELLS}")) == 1
    await eventually(lambda: rings_for_message(bell, database))
    async with database.reading() as session:
        assert await session.scalar(text(f"SELECT count(*) {BELLS}")) == 1
