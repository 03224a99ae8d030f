"""What is specific to Redis."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import ValidationError
from redis.asyncio import Redis
from redis.exceptions import OutOfMemoryError

from app import worker
from app.config import Settings
from app.database import Database
from app.messaging import broker, partition
from app.messaging.broker import Broker
from app.messaging.envelope import PARTITIONS, Envelope
from app.messaging.events import Event
from app.messaging.partition import Partition
from tests import callers
from tests.conftest import Start, eventually
from tests.messaging.conftest import Worker, failing, handler, send
from tests.messaging.workers import handle
from tests.processes import free_port


@pytest.fixture
async def redis(queue_url: str) -> AsyncIterator[Redis]:
    """A client of another service."""
    async with Redis.from_url(queue_url, decode_responses=True) as redis:
        yield redis


async def test_a_handled_message_is_deleted(database: Database, redis: Redis) -> None:
    await send(database, 8)
    worker = Worker(database, handler())
    await worker.queue.relay.send_batch()
    assert await stored(redis) == 8

    await handle(worker.queue, worker.handlers, 8)

    assert await stored(redis) == 0
    for number in range(PARTITIONS):
        [group] = await redis.xinfo_groups(f"{broker.EVENTS}.{number}")
        assert group["pending"] == 0


async def test_another_service_receives_each_event_once_and_no_retries(
    database: Database, redis: Redis, pass_time: Callable[[float], None]
) -> None:
    await redis.xgroup_create(broker.EVENTS, "other", mkstream=True)
    worker = Worker(database, failing(), queue_max_attempts=2)

    [event] = await send(database)
    for _ in range(2):
        assert await worker.work() == 1
        pass_time(60)

    [(_, fields)] = await entries(redis, broker.EVENTS)
    assert fields["type"] == "tea.poured"
    assert Event.model_validate_json(fields["event"]) == event


async def test_without_another_service_nothing_is_copied(database: Database, redis: Redis) -> None:
    await send(database)
    await Worker(database, handler()).work()

    assert not await redis.exists(broker.EVENTS)


@pytest.mark.usefixtures("queue")
async def test_copies_are_deleted_when_all_other_services_have_acknowledged_them(
    redis: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "TRIM_INTERVAL_SECONDS", 0)
    sender = new_broker()

    async def read(group: str, count: int) -> list[str]:
        await redis.xreadgroup(group, "one", {broker.EVENTS: ">"}, count=count)
        pending = await redis.xpending_range(broker.EVENTS, group, "-", "+", count)
        return [str(each["message_id"]) for each in pending]

    async def copies() -> int:
        await sender.publish([])
        return await redis.xlen(broker.EVENTS)

    for group in ("quick", "slow"):
        await redis.xgroup_create(broker.EVENTS, group, mkstream=True)
    await sender.publish([envelope(str(number)) for number in range(10)])
    await redis.xack(broker.EVENTS, "quick", *await read("quick", 10))
    first, *others = await read("slow", 5)
    await redis.xack(broker.EVENTS, "slow", *others)
    assert await copies() == 10

    await redis.xack(broker.EVENTS, "slow", first)
    assert await copies() == 6, "the last one that was delivered, and those that were not"

    for group in ("quick", "slow"):
        await redis.xgroup_destroy(broker.EVENTS, group)
    assert await copies() == 0


async def test_a_full_server_delivers_what_it_has(database: Database, redis: Redis) -> None:
    await send(database, 4)
    worker = Worker(database, handler())
    await worker.queue.relay.send_batch()
    await send(database)
    await redis.config_set("maxmemory", 1)
    try:
        with pytest.raises(OutOfMemoryError):
            await worker.queue.relay.send_batch()
        assert await stored(redis) == 4
        await handle(worker.queue, worker.handlers, 4)
    finally:
        await redis.config_set("maxmemory", 0)

    assert await worker.work() == 1
    assert await stored(redis) == 0


@pytest.mark.usefixtures("queue")
async def test_a_paused_worker_handles_nothing_that_another_worker_may_have_handled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def pause(self: Partition) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(partition, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(partition, "BLOCK_SECONDS", 0.1)
    monkeypatch.setattr(Partition, "_keep", pause)
    paused, other = new_broker(), new_broker()
    await paused.publish([envelope("1"), envelope("2")])
    stop = asyncio.Event()
    async with aclosing(paused.receive(0, stop)) as deliveries, aclosing(other.receive(0, stop)) as others:
        assert not (await anext(deliveries)).is_repeated
        taken_over = [await anext(others), await anext(others)]
        with pytest.raises(ConnectionError, match="taken over"):
            await anext(deliveries)

    assert [(each.id, each.is_repeated) for each in taken_over] == [("1", True), ("2", True)]


@pytest.mark.usefixtures("queue")
async def test_a_worker_that_handles_a_message_for_long_keeps_its_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(partition, "BLOCK_SECONDS", 0.1)
    slow, other = new_broker(), new_broker()
    await slow.publish([envelope("1"), envelope("2")])
    stop = asyncio.Event()
    async with aclosing(slow.receive(0, stop)) as deliveries, aclosing(other.receive(0, stop)) as others:
        await anext(deliveries)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(others), 1)

        assert (await anext(deliveries)).id == "2"


async def test_workers_share_the_partitions(database: Database, redis: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "BLOCK_SECONDS", 0.1)
    stops = [asyncio.Event() for _ in range(3)]
    working = []
    for stop, shares in zip(stops, ([4], [2, 2], [2, 2]), strict=True):
        worker = Worker(database, handler())
        working.append(asyncio.create_task(worker.queue.consume(worker.handlers, stop)))
        await eventually(partial(owns, redis, shares))

    stops[0].set()
    await working[0]
    await eventually(lambda: owns(redis, [2, 2]))
    stops[1].set()
    await working[1]
    await eventually(lambda: owns(redis, [4]))
    stops[2].set()
    await working[2]
    await eventually(lambda: owns(redis, []))


@pytest.mark.usefixtures("queue")
async def test_an_entry_that_is_deleted_but_not_acknowledged_is_skipped(redis: Redis) -> None:
    receiver = new_broker()
    await receiver.publish([envelope("1"), envelope("2")])
    stop = asyncio.Event()
    async with aclosing(receiver.receive(0, stop)) as deliveries:
        await anext(deliveries)
    [(first, _), _] = await entries(redis, f"{broker.EVENTS}.0")
    await redis.xdel(f"{broker.EVENTS}.0", first)

    async with aclosing(receiver.receive(0, stop)) as deliveries:
        second = await anext(deliveries)
        await second.acknowledge()

    assert second.id == "2"
    assert (await redis.xpending(f"{broker.EVENTS}.0", partition.GROUP))["pending"] == 0


async def test_messages_are_received_after_the_server_has_lost_its_data(database: Database, redis: Redis) -> None:
    tea = handler()
    worker = Worker(database, tea)
    stop = asyncio.Event()
    working = asyncio.create_task(worker.queue.consume(worker.handlers, stop))
    await eventually(lambda: owns(redis, [4]))
    async for key in redis.scan_iter(f"{broker.EVENTS}*"):
        await redis.delete(key)

    await send(database, 4)

    async def are_handled() -> bool:
        return tea.await_count == 4

    await eventually(are_handled)
    stop.set()
    await working


@pytest.mark.parametrize("changes", [{"login": "app:wrong@"}, {"path": "/99"}])
def test_a_url_that_the_server_refuses_ends_the_process(
    queue_url: str, database_url: str, changes: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    parts = urlsplit(queue_url)
    url = f"redis://{changes.get('login', '')}{parts.hostname}:{parts.port}{changes.get('path', '/1')}"

    assert refused(url, database_url, capsys).startswith("error: QUEUE_URL: ")


async def test_a_server_that_evicts_streams_ends_the_process(
    queue_url: str, database_url: str, redis: Redis, capsys: pytest.CaptureFixture[str]
) -> None:
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        line = await asyncio.to_thread(refused, queue_url, database_url, capsys)
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")

    assert "maxmemory-policy is allkeys-lru" in line


def test_a_server_that_does_not_answer_does_not_end_the_process(database_url: str) -> None:
    url = f"redis://127.0.0.1:{free_port()}/1"
    worker.check_servers(Settings(app_env="test", database_url=database_url, queue_url=url))


async def test_without_the_server_the_service_works_on_and_is_degraded(start: Start) -> None:
    client = callers.anybody(await start(queue_url=f"redis://127.0.0.1:{free_port()}/1"))

    ready = await client.get("/readyz")

    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["checks"]["queue"]["status"] == "unavailable"


@pytest.mark.parametrize("url", ["http://broker/", "redis://", "redis://broker:port/1", "redis://broker/one"])
def test_a_url_that_is_none_of_redis_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="queue_url"):
        Settings(app_env="test", queue_url=url)


def new_broker() -> Broker:
    return Broker(Settings(app_env="test"))


def envelope(number: str) -> Envelope:
    """An event of partition 0."""
    return Envelope(number, "tea.poured", 0, "cup", None, b"{}", {})


async def entries(redis: Redis, stream: str) -> list[Any]:
    """The id and the fields of each entry."""
    return list(await redis.xrange(stream) or [])


async def stored(redis: Redis) -> int:
    """The number of messages that are not handled."""
    return sum([await redis.xlen(f"{broker.EVENTS}.{number}") for number in range(PARTITIONS)])


async def owns(redis: Redis, shares: list[int]) -> bool:
    """Whether workers own these numbers of partitions."""
    return sorted(Counter(await redis.hvals(f"{broker.EVENTS}.owners")).values()) == shares


def refused(url: str, database_url: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The line with which a worker ends at once."""
    with pytest.raises(SystemExit, match="78"):
        worker.check_servers(Settings(app_env="test", database_url=database_url, queue_url=url))
    [line] = capsys.readouterr().err.splitlines()
    return line
