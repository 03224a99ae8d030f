"""Kafka for tests: the server of `QUEUE_URL`, or one that is started for the tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import pytest
from confluent_kafka.admin import AdminClient

import local_kafka
from app.config.queue import DEVELOPMENT_URL, client_settings
from app.messaging import broker
from tests.processes import free_port

SECRETS = {"queue_url": "kafkas://app:secret@broker:9093"}
"""The settings that production requires."""


@pytest.fixture(scope="session")
def queue_url() -> Iterator[str]:
    """The URL of a server that answers."""
    with _server() as url:
        yield url


@pytest.fixture
def queue(queue_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An empty queue with a name of its own. Other topics on the server are not touched."""
    name = f"test_{uuid4().hex}"
    monkeypatch.setenv("QUEUE_URL", queue_url)
    monkeypatch.setattr(broker, "EVENTS", name)
    monkeypatch.setattr(broker, "GROUP", name)
    # The machine may be busy.
    monkeypatch.setattr(broker, "CREATE_TIMEOUT_SECONDS", 30)
    monkeypatch.setattr(broker, "CONFIRM_TIMEOUT_SECONDS", 30)
    monkeypatch.setattr(broker, "CONSUMER_TIMEOUT_SECONDS", 30)
    yield
    admin = AdminClient({**client_settings(queue_url), "log_level": 0})
    if topics := [topic for topic in admin.list_topics(timeout=10).topics if topic.startswith(name)]:
        admin.delete_topics(topics)


@contextmanager
def _server() -> Iterator[str]:
    program = local_kafka.installed()
    if "QUEUE_URL" in os.environ or not program:
        url = os.environ.get("QUEUE_URL", DEVELOPMENT_URL)
        with local_kafka.server(url):
            yield url
        return
    url = f"kafka://127.0.0.1:{free_port()}"
    with TemporaryDirectory() as folder, local_kafka.local_server(program, url, Path(folder)):
        yield url
