"""SQS for tests: the server of `QUEUE_URL`, or an ElasticMQ that is started for the tests."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from aiobotocore.session import get_session

import local_sqs
from app.config.queue import DEVELOPMENT_URL
from app.messaging import broker
from app.messaging.broker import Broker, client_options
from tests.processes import free_port

if TYPE_CHECKING:
    from types_aiobotocore_sqs import SQSClient

SECRETS = {"queue_url": "http://broker:9324/000000000000/events.fifo"}
"""The settings that production requires."""


_NEED_SHORT_LEASE = {
    "test_a_connection_that_is_lost_is_opened_again",
    "test_a_message_that_kills_its_worker_becomes_a_dead_letter_and_the_others_are_handled",
    "test_an_outage_of_the_database_is_no_death_of_the_worker",
}
"""Tests that interrupt requests. A message of an interrupted request is delivered again when its lease ends."""


@pytest.fixture(scope="session")
def queue_url() -> Iterator[str]:
    """The URL of a queue that need not exist, on a server that answers."""
    with _server() as url:
        yield url


@pytest.fixture
async def queue(queue_url: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """An empty queue with a name of its own. Other queues on the server are not touched."""
    name = f"{queue_url.rpartition('/')[0]}/test-{uuid4().hex}"
    opened: set[Broker] = set()
    connect = Broker.connect

    async def note_and_connect(self: Broker) -> None:
        opened.add(self)
        await connect(self)

    monkeypatch.setenv("QUEUE_URL", f"{name}.fifo")
    # The machine may be busy.
    monkeypatch.setenv("QUEUE_LEASE_SECONDS", "5" if request.function.__name__ in _NEED_SHORT_LEASE else "30")
    monkeypatch.setattr(broker, "CONNECT_TIMEOUT_SECONDS", 30)
    monkeypatch.setattr(broker, "PUBLISH_TIMEOUT_SECONDS", 30)
    monkeypatch.setattr(Broker, "connect", note_and_connect)
    # A test cancels requests that wait. Such a request would get the messages of the next one.
    monkeypatch.setattr(broker, "WAIT_SECONDS", 0)
    yield
    for each in opened:
        await each.close()
    if opened:
        async with client(queue_url) as sqs:
            for url in (f"{name}.fifo", f"{name}-refused.fifo"):
                # A worker that stopped at once has not made its queue.
                with suppress(sqs.exceptions.QueueDoesNotExist):
                    await sqs.delete_queue(QueueUrl=url)


@asynccontextmanager
async def client(url: str) -> AsyncIterator["SQSClient"]:
    """A client for the server of a queue."""
    async with get_session().create_client("sqs", **client_options(url)) as sqs:
        yield sqs


@contextmanager
def _server() -> Iterator[str]:
    program = local_sqs.installed()
    if "QUEUE_URL" in os.environ or not program:
        url = os.environ.get("QUEUE_URL", DEVELOPMENT_URL)
        with local_sqs.server(url):
            yield url
        return
    url = f"http://127.0.0.1:{free_port()}/000000000000/events.fifo"
    with TemporaryDirectory() as folder, local_sqs.local_server(program, url, Path(folder)):
        yield url
