"""RabbitMQ for tests: the server of `QUEUE_URL`, or one that is started for the tests."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import aio_pika
import pytest

import local_rabbitmq
from app.config.queue import DEVELOPMENT_URL
from app.messaging import broker
from app.messaging.envelope import PARTITIONS
from tests.processes import free_port

SECRETS = {"queue_url": "amqp://app:secret@broker:5672/"}
"""The settings that production requires."""


@pytest.fixture(scope="session", autouse=True)
def queue_url() -> Iterator[str]:
    """The URL of a server that answers, also for all processes that the tests start."""
    with _server() as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv("QUEUE_URL", url)
        yield url


@pytest.fixture
def queue(queue_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty queue with a name of its own. Other queues on the server are not touched."""
    monkeypatch.setattr(broker, "EXCHANGE", f"test_{uuid4().hex}")
    yield
    asyncio.run(_delete(queue_url))


async def _delete(url: str) -> None:
    async with await aio_pika.connect(url) as connection, connection.channel() as channel:
        await channel.exchange_delete(broker.EXCHANGE)
        for name in (*range(PARTITIONS), "refused"):
            await channel.queue_delete(f"{broker.EXCHANGE}.{name}")


@contextmanager
def _server() -> Iterator[str]:
    program = local_rabbitmq.installed()
    if "QUEUE_URL" in os.environ or not program:
        url = os.environ.get("QUEUE_URL", DEVELOPMENT_URL)
        with local_rabbitmq.server(url):
            yield url
        return
    url = f"amqp://app:app@127.0.0.1:{free_port()}/"
    with TemporaryDirectory() as folder, local_rabbitmq.local_server(program, url, Path(folder)):
        yield url
