"""What is specific to Kafka."""

import asyncio
import gc
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from unittest.mock import Mock

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from pydantic import ValidationError

import local_kafka
from app import worker
from app.config import Settings
from app.config.queue import client_settings
from app.database import Database, Session
from app.messaging import broker
from app.messaging.broker import Broker
from app.messaging.envelope import CONTENT_TYPE, Delivery, Envelope
from app.messaging.events import Event, publish
from app.messaging.models import MessageState
from local_servers import Process
from tests import callers
from tests.conftest import Start
from tests.messaging.conftest import Worker, failing, handler, send, subjects, waiting
from tests.messaging.workers import handle
from tests.processes import free_port


@pytest.fixture
def reader(queue_url: str, queue: None) -> Iterator[Consumer]:
    """A consumer of another service."""
    consumer = Consumer({**client_settings(queue_url), "group.id": "other", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(broker.EVENTS, partition, 0) for partition in range(broker.TOPIC_PARTITIONS)])
    yield consumer
    consumer.close()


@pytest.fixture
def own_server(queue: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    """A server that the test may suspend."""
    program = local_kafka.installed()
    if not program:
        pytest.skip("there is no Kafka here")
    url = f"kafka://127.0.0.1:{free_port()}"
    monkeypatch.setenv("QUEUE_URL", url)
    with local_kafka.local_server(program, url, tmp_path) as process:
        yield process
        os.killpg(process.pid, signal.SIGCONT)


async def test_another_service_receives_each_event_once_and_no_retries(
    database: Database, reader: Consumer, pass_time: Callable[[float], None]
) -> None:
    worker = Worker(database, failing(), queue_max_attempts=2)

    [event] = await send(database)
    for _ in range(2):
        assert await worker.work() == 1
        pass_time(60)
    messages = await asyncio.to_thread(reader.consume, 2, 5)

    [message] = messages
    headers = dict(message.headers() or {})
    assert (message.key(), headers["content-type"]) == (event.subject.encode(), CONTENT_TYPE.encode())
    assert Event.model_validate_json(message.value() or b"") == event


async def test_a_message_is_acknowledged_while_another_consumer_joins_the_group(
    database: Database, queue_url: str, queue: None
) -> None:
    own = Broker(Settings())
    await send(database)
    await Worker(database, handler()).queue.relay.send_batch()
    other = Consumer({**client_settings(queue_url), **broker.CONSUMER, "group.id": broker.GROUP})
    async with aclosing(own.receive(0, asyncio.Event())) as deliveries:
        delivery = await anext(deliveries)
        other.subscribe([broker.EVENTS])
        joining = asyncio.create_task(asyncio.to_thread(other.poll, 2))
        while not joining.done():
            await delivery.acknowledge()
    await asyncio.to_thread(other.close)
    await own.close()


async def test_a_topic_keeps_the_partitions_that_it_has(database: Database, queue_url: str) -> None:
    admin = AdminClient(client_settings(queue_url))
    admin.create_topics([NewTopic(broker.EVENTS, 3)])[broker.EVENTS].result(10)
    tea = handler()
    await send(database, 8)

    assert await Worker(database, tea).work() == 8

    assert sorted(subjects(tea)) == [f"cup-{number}" for number in range(8)]
    assert len(admin.list_topics(timeout=10).topics[broker.EVENTS].partitions) == 3


async def test_a_service_that_may_not_create_topics_uses_those_that_exist(
    database: Database, queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Worker(database).queue.broker.connect()
    _wait_for_topics(queue_url, 3)
    monkeypatch.setattr(broker, "AdminClient", Mock(side_effect=AssertionError))

    await Worker(database).queue.broker.connect()


async def test_a_ping_asks_the_server_each_time(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Worker(database).queue
    await queue.broker.ping()
    monkeypatch.setattr(broker, "PING_TIMEOUT_SECONDS", 0)

    with pytest.raises(KafkaException):
        await queue.broker.ping()


async def test_a_failed_attempt_to_connect_that_nobody_waits_for_is_not_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUE_URL", f"kafka://127.0.0.1:{free_port()}")
    monkeypatch.setattr(broker, "CONNECT_TIMEOUT_SECONDS", 0.1)
    logged: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(context))
    own = Broker(Settings())
    waiting_task = asyncio.create_task(own.connect())
    await asyncio.sleep(0)
    waiting_task.cancel()

    await own.close()  # after the attempt: the calls of the producer take turns
    del own, waiting_task
    gc.collect()

    assert not logged


async def test_a_message_is_repeated_if_another_consumer_has_started_on_it(database: Database) -> None:
    worker = Worker(database)
    await send(database)
    await worker.queue.relay.send_batch()

    assert [(await _first(worker.queue.broker)).is_repeated for _ in range(3)] == [False, True, True]


async def test_a_message_is_not_repeated_if_it_is_the_first_one_after_a_message_that_was(database: Database) -> None:
    worker = Worker(database)
    await send(database)
    await worker.queue.relay.send_batch()
    assert not (await _first(worker.queue.broker)).is_repeated
    assert (await _first(worker.queue.broker, acknowledges=True)).is_repeated
    await send(database)
    await worker.queue.relay.send_batch()

    assert not (await _first(worker.queue.broker)).is_repeated


async def test_a_message_is_not_overtaken_while_its_handler_takes_so_long_that_another_consumer_gets_the_partition(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(broker.CONSUMER, "max.poll.interval.ms", 6000)
    handled: list[int] = []
    done = asyncio.Event()

    async def take_long(session: Session, event: Event) -> None:
        if not handled:
            await asyncio.sleep(9)
        handled.append(event.data["number"])
        if len(handled) == 3:
            done.set()

    async with database.transaction() as session:
        for number in range(3):
            await publish(session, Event(type="tea.poured", subject="cup", data={"number": number}), owner="ada")
    stop = asyncio.Event()
    workers = [Worker(database, take_long) for _ in range(2)]
    working = [asyncio.create_task(worker.queue.consume(worker.handlers, stop)) for worker in workers]
    async with asyncio.timeout(30):
        await done.wait()
    stop.set()
    await asyncio.gather(*working)

    assert handled == [0, 1, 2]


async def test_a_server_that_falls_silent_does_not_hold_the_consumer(
    database: Database, own_server: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = Worker(database).queue
    await send(database)
    await queue.relay.send_batch()

    async with asyncio.timeout(60), aclosing(queue.broker.receive(0, asyncio.Event())) as deliveries:
        async for delivery in deliveries:
            _suspend(own_server)
            monkeypatch.setattr(broker, "CONSUMER_TIMEOUT_SECONDS", 3)
            with pytest.raises(TimeoutError):
                await delivery.acknowledge()
            break


@pytest.mark.parametrize("limit", [None, 2000])
async def test_an_event_that_is_too_large_becomes_a_dead_letter(
    database: Database, queue_url: str, limit: int | None
) -> None:
    if limit:
        admin = AdminClient(client_settings(queue_url))
        topic = NewTopic(broker.EVENTS, 1, config={"max.message.bytes": str(limit)})
        admin.create_topics([topic])[broker.EVENTS].result(10)
    async with database.transaction() as session:
        for subject, size in {"cup": 10, "pot": limit or 1_100_000, "can": 10}.items():
            await publish(session, Event(type="tea.poured", subject=subject, data={"tea": "x" * size}), owner="ada")
    tea = handler()
    worker = Worker(database, tea)

    assert [await worker.queue.relay.send_batch() for _ in range(2)] == [1, 2]
    await handle(worker.queue, worker.handlers, 3)  # the first one was already sent when the second one failed

    assert sorted(subjects(tea)) == ["can", "cup"]
    [dead] = await waiting(database)
    assert (dead.subject, dead.state) == ("pot", MessageState.DEAD)
    assert "Message size too large" in (dead.last_error or "")


async def test_a_message_waits_for_the_confirmation_of_the_last_one_of_its_subject(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[object] = []

    async def refuse_the_second(self: Broker, records: Sequence[broker.Record]) -> None:
        values = [record.value for record in records]
        sent.extend(values)
        if b"2" in values:
            raise OSError("refused")

    monkeypatch.setattr(Broker, "_send", refuse_the_second)
    messages = {b"1": "cup", b"2": "pot", b"3": "cup", b"4": "pot"}
    envelopes = [Envelope("", "tea.poured", 0, subject, None, body, {}) for body, subject in messages.items()]
    with pytest.raises(OSError, match="refused"):
        await Broker(Settings(app_env="test")).publish(envelopes)

    assert sent == [b"1", b"2"]


@pytest.mark.parametrize(
    ("scheme", "parameters", "reason"),
    [("kafka", "", "SASL"), ("kafkas", f"?cafile={__file__}", "ssl.ca.location")],
)
def test_a_url_that_is_refused_ends_the_process(
    queue_url: str,
    database_url: str,
    scheme: str,
    parameters: str,
    reason: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = client_settings(queue_url)["bootstrap.servers"]
    url = f"{scheme}://nobody:wrong@{server}{parameters}"

    with pytest.raises(SystemExit, match="78"):
        worker.check_servers(Settings(app_env="test", database_url=database_url, queue_url=url))

    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: QUEUE_URL: ")
    assert reason in line


def test_a_server_that_does_not_answer_does_not_end_the_process(database_url: str) -> None:
    url = f"kafka://127.0.0.1:{free_port()}"
    worker.check_servers(Settings(app_env="test", database_url=database_url, queue_url=url))


async def test_without_the_server_the_service_works_on_and_is_degraded(start: Start) -> None:
    client = callers.anybody(await start(queue_url=f"kafka://127.0.0.1:{free_port()}"))

    ready = await client.get("/readyz")

    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["checks"]["queue"]["status"] == "unavailable"


def test_a_url_says_how_to_connect() -> None:
    assert client_settings("kafka://one,two:9093/") == {
        "bootstrap.servers": "one,two:9093",
        "security.protocol": "plaintext",
    }
    assert client_settings(f"kafkas://app:a%2Cb@[::1]:9093?mechanism=PLAIN&cafile={__file__}") == {
        "bootstrap.servers": "[::1]:9093",
        "security.protocol": "sasl_ssl",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "app",
        "sasl.password": "a,b",
        "ssl.ca.location": __file__,
    }


@pytest.mark.parametrize(
    "url",
    [
        *("http://broker/", "kafka://", "kafka://broker:port", "kafka://one;two", "kafka://one/events", "kafka://[1"),
        *("kafka://app:x@broker?mechanism=NONE", "kafka://broker?verify=no", "kafkas://broker?cafile=/none"),
    ],
)
def test_a_url_that_is_none_of_kafka_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="queue_url"):
        Settings(app_env="test", queue_url=url)


def _suspend(server: Process) -> None:
    """Stop a server until it gets SIGCONT. Its threads run on for a while after the signal, and could still answer."""
    os.killpg(server.pid, signal.SIGSTOP)
    _, status = os.waitpid(server.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)


def _wait_for_topics(url: str, count: int) -> None:
    """A new topic is not visible at once."""
    admin = AdminClient(client_settings(url))
    while sum(name.startswith(broker.EVENTS) for name in admin.list_topics(timeout=10).topics) < count:
        time.sleep(0.05)


async def _first(broker: Broker, *, acknowledges: bool = False) -> Delivery:
    """The first delivery of a consumer, which leaves the group then."""
    async with asyncio.timeout(20), aclosing(broker.receive(0, asyncio.Event())) as deliveries:
        async for delivery in deliveries:
            if acknowledges:
                await delivery.acknowledge()
            return delivery
    raise AssertionError("nothing is delivered")
