"""Notifications between processes: NOTIFY by one, LISTEN by another."""

import pytest
from sqlalchemy import text

from app.config import Settings
from app.database import Database
from app.messaging import notifier as module
from app.messaging.notifier import Notifier
from tests.conftest import eventually
from tests.messaging.conftest import is_notified_of_message

CONNECTIONS = "FROM pg_stat_activity WHERE query ~ '^(LISTEN|NOTIFY) ' AND datname = current_database()"


async def test_a_worker_is_notified_of_a_message_that_another_process_stores(
    database_url: str, notifier: Notifier
) -> None:
    settings = Settings(app_env="test", database_url=f"{database_url}?ssl=prefer&prepared_statement_cache_size=50")

    async with Database(settings) as elsewhere, Notifier(settings, elsewhere).running(listens=False):
        assert await is_notified_of_message(notifier, elsewhere)


async def test_a_worker_listens_again_after_its_connection_was_lost(
    notifier: Notifier, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RECONNECT_SECONDS", 0.1)
    async with database.reading() as session:
        assert await session.scalar(text(f"SELECT count(pg_terminate_backend(pid)) {CONNECTIONS}")) == 1

    await eventually(lambda: is_notified_of_message(notifier, database))

    async with database.reading() as session:
        assert await session.scalar(text(f"SELECT count(*) {CONNECTIONS}")) == 1
