"""A queue by itself: no API around it has a bell of its own."""

from collections.abc import AsyncIterator

import pytest

from app.config import Settings
from app.database import Database
from app.messaging.bell import Bell
from tests.messaging.queues import rings_for_message
from tests.waiting import eventually


@pytest.fixture
def queue_settings(database_url: str) -> Settings:
    return Settings(app_env="test", database_url=database_url)


@pytest.fixture
async def database(queue_settings: Settings) -> AsyncIterator[Database]:
    database = Database(queue_settings)
    yield database
    await database.close()


@pytest.fixture
async def bell(queue_settings: Settings, database: Database) -> AsyncIterator[Bell]:
    bell = Bell(queue_settings, database)
    async with bell.hung(heard=True):
        await eventually(lambda: rings_for_message(bell, database))
        await bell.wait(0.1)
        yield bell
