"""Redis for tests: the server of `QUEUE_URL`, or one that is started for the tests."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from redis.asyncio import Redis

import local_redis
from app.config import Settings
from app.config.queue import DEVELOPMENT_URL
from app.messaging import broker, partition
from app.messaging.broker import Broker
from tests.processes import free_port

SECRETS = {"queue_url": "redis://:secret@broker:6379/1"}
"""The settings that production requires."""


@pytest.fixture(scope="session", autouse=True)
def queue_url() -> Iterator[str]:
    """The URL of a server that answers, also for all processes that the tests start."""
    with _server() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUEUE_URL", url)
        yield url


@pytest.fixture
async def queue(queue_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """An empty queue with a name of its own. Other queues on the server are not touched."""
    monkeypatch.setattr(broker, "EVENTS", f"test_{uuid4().hex}")
    # The machine may be busy.
    monkeypatch.setattr(broker, "TIMEOUT_SECONDS", 20)
    monkeypatch.setattr(partition, "LEASE_SECONDS", 20)
    brokers = _noted(monkeypatch)
    yield
    for each in brokers:
        await each.close()
    async with Redis.from_url(queue_url) as redis:
        async for key in redis.scan_iter(f"{broker.EVENTS}*"):
            await redis.delete(key)


def _noted(monkeypatch: pytest.MonkeyPatch) -> list[Broker]:
    """All brokers of the test. A worker of a test does not close its own."""
    brokers: list[Broker] = []
    init = Broker.__init__

    def note(self: Broker, settings: Settings) -> None:
        brokers.append(self)
        init(self, settings)

    monkeypatch.setattr(Broker, "__init__", note)
    return brokers


@contextmanager
def _server() -> Iterator[str]:
    if "QUEUE_URL" in os.environ or not local_redis.is_installed():
        url = os.environ.get("QUEUE_URL", DEVELOPMENT_URL)
        with local_redis.server(url):
            yield url
        return
    port = free_port()
    with TemporaryDirectory() as folder, local_redis.local_server(port, Path(folder)):
        yield f"redis://127.0.0.1:{port}/1"
