"""What is specific to Amazon SQS."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from app import worker
from app.config import Settings
from app.database import Database
from app.messaging import broker
from app.messaging.broker import Broker, client_options
from app.messaging.envelope import CONTENT_TYPE, Envelope
from app.messaging.events import Event, publish
from app.messaging.models import MessageState
from tests import callers, production
from tests.conftest import Start
from tests.messaging.conftest import Worker, handler, send, subjects, waiting
from tests.messaging.workers import handle
from tests.processes import free_port
from tests.queues import client

if TYPE_CHECKING:
    from types_aiobotocore_sqs import SQSClient
    from types_aiobotocore_sqs.type_defs import MessageTypeDef


@pytest.fixture
async def sqs(queue: None) -> AsyncIterator["SQSClient"]:
    """A client of another service."""
    async with client(os.environ["QUEUE_URL"]) as sqs:
        yield sqs


async def receive(sqs: "SQSClient", url: str) -> Sequence["MessageTypeDef"]:
    """Messages of a queue, which stay visible."""
    answer = await sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        VisibilityTimeout=0,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
    )
    return answer.get("Messages", [])


def refused_url() -> str:
    return os.environ["QUEUE_URL"].replace(".fifo", "-refused.fifo")


async def test_a_message_is_the_event_with_its_type_as_an_attribute(database: Database, sqs: "SQSClient") -> None:
    [event] = await send(database)
    await Worker(database).queue.relay.send_batch()

    [message] = await receive(sqs, os.environ["QUEUE_URL"])

    assert Event.model_validate_json(message["Body"]) == event
    assert message["Attributes"]["MessageGroupId"] == event.subject
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert attributes == {
        "id": str(event.id),
        "type": "tea.poured",
        "content-type": CONTENT_TYPE,
        "owner": "ada",
        "attempts": "0",
    }


async def test_an_event_without_an_owner_is_handled(database: Database) -> None:
    async with database.transaction() as session:
        await publish(session, Event(type="tea.poured", subject="cup", data={}), owner="")
    tea = handler()

    assert await Worker(database, tea).work() == 1

    assert subjects(tea) == ["cup"]


async def test_any_subject_is_a_group(database: Database) -> None:
    names = ["", "a cup", "Täßchen", "c" * 200]
    async with database.transaction() as session:
        for name in names:
            await publish(session, Event(type="tea.poured", subject=name, data={}), owner="ada")
    tea = handler()

    await Worker(database, tea).work()

    assert sorted(subjects(tea)) == sorted(names)


async def test_an_event_that_is_too_large_becomes_a_dead_letter(database: Database) -> None:
    async with database.transaction() as session:
        for size in (10, broker.MAX_BYTES, 10):
            event = Event(type="tea.poured", subject=f"cup-{size}", data={"tea": "x" * size})
            await publish(session, event, owner="ada")
    tea = handler()
    worker = Worker(database, tea)

    assert await worker.queue.relay.send_batch() == 1
    await worker.work()

    assert subjects(tea) == ["cup-10", "cup-10"]
    [dead] = await waiting(database)
    assert dead.state is MessageState.DEAD
    assert dead.last_error is not None
    assert dead.last_error.endswith("bytes, and SQS takes 262144")


async def test_a_batch_of_large_events_is_sent_in_several_requests(database: Database) -> None:
    async with database.transaction() as session:
        for number in range(12):
            event = Event(type="tea.poured", subject=f"cup-{number}", data={"tea": "x" * 120_000})
            await publish(session, event, owner="ada")
    tea = handler()

    assert await Worker(database, tea).work() == 12

    assert tea.await_count == 12


async def test_what_is_no_event_moves_to_the_refused_queue(database: Database, sqs: "SQSClient") -> None:
    worker = Worker(database)
    await worker.queue.broker.connect()
    await worker.queue.broker.publish([Envelope("none", "tea.poured", 0, "cup", None, b"{}", {})])

    await handle(worker.queue, worker.handlers, 1)

    assert await receive(sqs, os.environ["QUEUE_URL"]) == []
    [refused] = await receive(sqs, refused_url())
    assert refused["Body"] == "{}"
    assert refused["MessageAttributes"]["type"]["StringValue"] == "tea.poured"


async def test_a_message_that_is_delivered_far_too_often_is_put_aside(
    database: Database, sqs: "SQSClient", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "RECEIVE_LIMIT", 2)
    [event] = await send(database)
    await Worker(database).queue.relay.send_batch()

    counts = [len(await receive(sqs, os.environ["QUEUE_URL"])) for _ in range(3)]

    assert counts == [1, 1, 0]
    [refused] = await receive(sqs, refused_url())
    assert Event.model_validate_json(refused["Body"]) == event


async def test_a_message_waits_until_the_last_one_of_its_subject_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    async def refuse_the_second(self: Broker, batch: Sequence[Envelope]) -> None:
        sent.extend(envelope.id for envelope in batch)
        if "2" in sent:
            raise ConnectionError("refused")

    monkeypatch.setattr(Broker, "_send", refuse_the_second)
    subjects = {"1": "cup", "2": "pot", "3": "cup", "4": "pot"}
    envelopes = [Envelope(number, "tea.poured", 0, subject, None, b"{}", {}) for number, subject in subjects.items()]
    with pytest.raises(ExceptionGroup):
        await Broker(Settings(app_env="test")).publish(envelopes)

    assert sent == ["1", "2"]


async def test_a_message_that_sqs_refuses_stays_in_the_outbox(database: Database, sqs: "SQSClient") -> None:
    await send(database)
    relay = Worker(database).queue.relay
    await relay.send_batch()
    await sqs.delete_queue(QueueUrl=os.environ["QUEUE_URL"])
    await send(database)
    with pytest.raises(ExceptionGroup):
        await relay.send_batch()
    assert len(await waiting(database)) == 1

    assert await relay.send_batch() == 1, "the queue was not created again"


async def test_the_lease_of_a_message_is_renewed_while_its_handler_runs(database: Database) -> None:
    await send(database)
    first, second = (Worker(database, queue_lease_seconds=1).queue for _ in range(2))
    await first.relay.send_batch()

    async with aclosing(first.broker.receive(0, asyncio.Event())) as deliveries:
        await anext(deliveries)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.5), aclosing(second.broker.receive(0, asyncio.Event())) as others:
                await anext(others)


async def test_a_worker_that_stops_gives_back_what_it_has_not_handled(database: Database) -> None:
    async with database.transaction() as session:
        for number in range(3):
            await publish(session, Event(type="tea.poured", subject="cup", data={"number": number}), owner="ada")
    first, second = (Worker(database, queue_lease_seconds=60).queue for _ in range(2))
    await first.relay.send_batch()
    stop = asyncio.Event()
    async with aclosing(first.broker.receive(0, stop)) as deliveries:
        async for delivery in deliveries:
            await delivery.acknowledge()
            stop.set()

    async with asyncio.timeout(5), aclosing(second.broker.receive(0, asyncio.Event())) as deliveries:
        delivery = await anext(deliveries)

    assert Event.model_validate_json(delivery.body).data == {"number": 1}
    assert delivery.is_repeated


@pytest.mark.parametrize("name", ["", "-refused"])
async def test_a_missing_queue_ends_the_process_in_production(
    name: str, database_url: str, sqs: "SQSClient", capsys: pytest.CaptureFixture[str]
) -> None:
    url = os.environ["QUEUE_URL"]
    await Broker(Settings(app_env="test")).connect()
    await sqs.delete_queue(QueueUrl=url.replace(".fifo", f"{name}.fifo"))
    urls = {"database_url": database_url, "queue_url": url}
    secrets: dict[str, Any] = production.SECRETS | urls
    settings = Settings(app_env="production", **secrets)

    with pytest.raises(SystemExit, match="78"):
        await asyncio.to_thread(worker.check_servers, settings)

    assert capsys.readouterr().err == f"error: QUEUE_URL: there is no queue {url.replace('.fifo', f'{name}.fifo')}\n"
    await Broker(Settings(app_env="test")).connect()


def test_a_server_that_does_not_answer_does_not_end_the_process(database_url: str) -> None:
    url = f"http://127.0.0.1:{free_port()}/000000000000/events.fifo"
    worker.check_servers(Settings(app_env="test", database_url=database_url, queue_url=url))


async def test_without_the_server_the_service_works_on_and_is_degraded(start: Start) -> None:
    url = f"http://127.0.0.1:{free_port()}/000000000000/events.fifo"
    client = callers.anybody(await start(queue_url=url))

    ready = await client.get("/readyz")

    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["checks"]["queue"]["status"] == "unavailable"


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("sqs.eu-central-1.amazonaws.com", "eu-central-1"),
        ("sqs-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("vpce-0.sqs.us-west-2.vpce.amazonaws.com", "us-west-2"),
        ("sqs.us-east-2.api.aws", "us-east-2"),
    ],
)
def test_a_client_of_aws_has_the_region_of_the_queue_and_the_usual_credentials(host: str, region: str) -> None:
    options = client_options(f"https://{host}/123456789012/events.fifo")

    assert options["region_name"] == region
    assert options.keys() == {"region_name", "config"}


@pytest.mark.parametrize("host", ["localhost:9324", "sqs:9324", "sqs.us-east-1.localhost.localstack.cloud:4566"])
def test_a_client_of_another_server_gets_no_credentials_of_aws(host: str) -> None:
    options = client_options(f"http://{host}/000000000000/events.fifo")

    assert options["endpoint_url"] == f"http://{host}"
    assert options["aws_access_key_id"] == "none"


@pytest.mark.parametrize(
    "url",
    ["amqp://broker/", "http:///events.fifo", "http://broker:port/1/events.fifo", "http://broker/1/events"],
)
def test_a_url_that_is_none_of_a_fifo_queue_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="queue_url"):
        Settings(app_env="test", queue_url=url)


def test_an_arn_that_is_none_of_a_fifo_topic_is_refused() -> None:
    with pytest.raises(ValidationError, match="queue_topic_arn"):
        Settings(app_env="test", queue_topic_arn="arn:aws:sns:eu-central-1:123456789012:events")
