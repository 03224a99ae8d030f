"""What is specific to RabbitMQ."""

import asyncio
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import aio_pika
import pytest
from aio_pika.abc import AbstractChannel
from pydantic import ValidationError

from app import worker
from app.config import Settings
from app.database import Database
from app.messaging import broker
from app.messaging.broker import Broker
from app.messaging.envelope import CONTENT_TYPE, Envelope
from app.messaging.events import Event
from tests import callers
from tests.conftest import Start, eventually
from tests.messaging.conftest import Worker, failing, handler, send
from tests.messaging.workers import Death, die_while_handling
from tests.processes import free_port


@pytest.fixture
async def channel(queue_url: str) -> AsyncIterator[AbstractChannel]:
    """A channel of another service."""
    async with await aio_pika.connect(queue_url) as connection, connection.channel() as channel:
        yield channel


async def test_another_service_receives_each_event_once_and_no_retries(
    database: Database, channel: AbstractChannel, pass_time: Callable[[float], None]
) -> None:
    worker = Worker(database, failing(), queue_max_attempts=2)
    await worker.work()
    copies = await channel.declare_queue(exclusive=True)
    await copies.bind(broker.EXCHANGE, "*.tea.#")

    [event] = await send(database)
    for _ in range(2):
        assert await worker.work() == 1
        pass_time(60)
    message = await copies.get(timeout=5)

    assert (message.content_type, message.delivery_mode) == (CONTENT_TYPE, aio_pika.DeliveryMode.PERSISTENT)
    assert Event.model_validate_json(message.body) == event
    assert await copies.get(fail=False) is None


async def test_a_message_that_is_delivered_far_too_often_is_put_aside(
    database: Database, channel: AbstractChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "DELIVERY_LIMIT", 2)
    await send(database)
    worker = Worker(database, handler(side_effect=Death))
    await worker.queue.relay.send_batch()

    for _ in range(3):
        await die_while_handling(worker.queue, worker.handlers)

    refused = await channel.get_queue(f"{broker.EXCHANGE}.refused")

    async def is_refused() -> bool:
        return await refused.get(fail=False) is not None

    await eventually(is_refused)


async def test_a_message_waits_for_the_confirmation_of_the_last_one_of_its_subject(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[str] = []

    async def refuse_the_second(self: Broker, envelope: Envelope) -> None:
        sent.append(envelope.id)
        await asyncio.sleep(0)
        if envelope.id == "2":
            raise OSError("refused")

    monkeypatch.setattr(Broker, "_send", refuse_the_second)
    subjects = {"1": "cup", "2": "pot", "3": "cup", "4": "pot"}
    envelopes = [Envelope(number, "tea.poured", 0, subject, None, b"{}", {}) for number, subject in subjects.items()]
    with pytest.raises(ExceptionGroup):
        await Broker(Settings(app_env="test")).publish(envelopes)

    assert sent == ["1", "2"]


@pytest.mark.parametrize("changes", [{"password": "wrong"}, {"path": "/unknown"}])
def test_a_url_that_the_server_refuses_ends_the_process(
    queue_url: str, database_url: str, changes: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    parts = urlsplit(queue_url)
    login = f"{parts.username}:{changes.get('password', parts.password)}"
    url = f"amqp://{login}@{parts.hostname}:{parts.port}{changes.get('path', '/')}"

    with pytest.raises(SystemExit, match="78"):
        worker.check_servers(Settings(app_env="test", database_url=database_url, queue_url=url))

    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: QUEUE_URL: ")


def test_a_server_that_does_not_answer_does_not_end_the_process(database_url: str) -> None:
    url = f"amqp://app:app@127.0.0.1:{free_port()}/"
    worker.check_servers(Settings(app_env="test", database_url=database_url, queue_url=url))


async def test_without_the_server_the_service_works_on_and_is_degraded(start: Start) -> None:
    client = callers.anybody(await start(queue_url=f"amqp://app:app@127.0.0.1:{free_port()}/"))

    ready = await client.get("/readyz")

    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["checks"]["queue"]["status"] == "unavailable"


@pytest.mark.parametrize("url", ["http://broker/", "amqp://", "amqp://app@broker:port/"])
def test_a_url_that_is_none_of_rabbitmq_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="queue_url"):
        Settings(app_env="test", queue_url=url)
