"""The shared cache: one rate limit and one load for all replicas, and a service that goes on without it."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, suppress
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from httpx2 import AsyncClient
from pydantic import BaseModel, ValidationError
from structlog.testing import capture_logs

from app import cache
from app.cache import Cache, local
from app.cache.store import Store
from app.config import Settings, settings, settings_or_exit
from app.config.cache import DEFAULT_PORT
from tests import callers
from tests.caches import url_of
from tests.conftest import Start
from tests.processes import free_port
from tests.test_cached_values import Source, Text, read, route

ROUTE = "/api/nowhere"


class Wire:
    """A connection to the server that can break, or stop to carry data."""

    def __init__(self) -> None:
        self.port = free_port()
        self.carries = asyncio.Event()
        self._server = urlsplit(os.environ["CACHE_URL"])
        self._broken = asyncio.Event()
        self._listener: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    async def connect(self) -> None:
        self._broken.clear()
        self.carries.set()
        self._listener = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Break all connections and accept no other."""
        self._broken.set()
        self.carries.set()
        if self._listener:
            self._listener.close()
            await self._listener.wait_closed()
        # Before Python 3.12, `wait_closed` does not wait for them.
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.current_task()
        assert connection
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)
        server = await asyncio.open_connection(self._server.hostname, self._server.port or DEFAULT_PORT)
        ways = [asyncio.create_task(way) for way in (self._carry(reader, server[1]), self._carry(server[0], writer))]
        broken = asyncio.create_task(self._broken.wait())
        await asyncio.wait([*ways, broken], return_when=asyncio.FIRST_COMPLETED)
        for task in (*ways, broken):
            task.cancel()
        await asyncio.gather(*ways, broken, return_exceptions=True)
        for end in (server[1], writer):
            end.close()
            with suppress(OSError):
                await end.wait_closed()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            await self.carries.wait()
            writer.write(data)
            await writer.drain()


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire()
    await wire.connect()
    yield wire
    await wire.cut()


@pytest.fixture
async def replicas() -> AsyncIterator[list[Cache]]:
    """The caches of two processes."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(aclosing(Cache(Settings(app_env="test")))) for _ in range(2)]


@pytest.fixture
async def client(start: Start, wire: Wire, monkeypatch: pytest.MonkeyPatch) -> AsyncClient:
    monkeypatch.setattr("app.cache.store.TIMEOUT_SECONDS", 0.25)
    return await _client(start, wire)


async def test_replicas_share_one_rate_limit(start: Start) -> None:
    replicas = [callers.anybody(await start(rate_limit_default="3/day")) for _ in range(2)]

    answers = [await replica.get(ROUTE) for replica in replicas * 2]

    assert [answer.status_code for answer in answers] == [404, 404, 404, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0"]


async def test_concurrent_requests_of_two_processes_are_all_counted(replicas: list[Cache]) -> None:
    counted = await asyncio.gather(*(each.increment("key", 86_400) for each in replicas * 100))

    assert sorted(count for count, _ in counted) == list(range(1, 201))


async def test_200_concurrent_requests_to_two_replicas_share_one_load(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "WAIT_SECONDS", 30)
    monkeypatch.setattr(cache, "LEASE_SECONDS", 60)
    source = Source()
    router = route(source, 200)
    replicas = [callers.anybody(await start(router, max_concurrency=100)) for _ in range(2)]

    answers = await asyncio.gather(*(replica.get("/api/cached") for replica in replicas * 100))

    assert [answer.json() for answer in answers] == [{"text": "old"}] * 200
    assert source.loads == 1


async def test_a_change_is_seen_by_another_replica_after_a_moment(
    replicas: list[Cache], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "LOCAL_SECONDS", 0.2)
    source = Source()
    assert [await read(each, source) for each in replicas] == ["old", "old"]

    source.text = "new"
    await replicas[0].invalidate("key")
    assert [await read(each, source) for each in replicas] == ["new", "old"]
    await asyncio.sleep(0.2)

    assert await read(replicas[1], source) == "new"
    assert source.loads == 2


async def test_a_load_that_began_before_a_change_in_another_replica_leaves_nothing_on_the_server(
    replicas: list[Cache], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "LOCAL_SECONDS", 0)
    source = Source()
    source.may_go_on.clear()
    outdated = asyncio.create_task(read(replicas[0], source))
    await source.begun.wait()

    source.text = "new"
    await replicas[1].invalidate("key")
    source.may_go_on.set()

    assert await outdated == "old"
    assert [await read(each, source) for each in replicas] == ["new", "new"]


async def test_a_replica_that_died_while_it_loaded_delays_the_others_only_for_a_moment(
    replicas: list[Cache], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "WAIT_SECONDS", 0.2)
    monkeypatch.setattr(cache, "LEASE_SECONDS", 2)
    dead, alive = Source(), Source()
    dead.may_go_on.clear()
    dying = asyncio.create_task(read(replicas[0], dead))
    await dead.begun.wait()

    started_at = time.perf_counter()
    assert await read(replicas[1], alive) == "old"
    assert 0.2 <= time.perf_counter() - started_at < 1

    dead.may_go_on.set()
    await dying


async def test_a_value_expires(replicas: list[Cache], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "LOCAL_SECONDS", 0)
    source = Source()
    for _ in range(2):
        await replicas[0].get_or_load("brief", Text, source.load, seconds=2)
    assert source.loads == 1

    await asyncio.sleep(2.1)

    await replicas[1].get_or_load("brief", Text, source.load, seconds=2)
    assert source.loads == 2


async def test_a_value_of_another_release_is_loaded_again(
    replicas: list[Cache], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Number(BaseModel):
        number: int

    async def load() -> Number:
        return Number(number=1)

    await read(replicas[0], Source())

    assert await replicas[1].get_or_load("key", Number, load, seconds=60) == Number(number=1)


async def test_values_are_loaded_once_in_each_process_without_the_cache(
    start: Start, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.cache.store.TIMEOUT_SECONDS", 0.25)
    source = Source()
    service = await start(route(source, 200), max_concurrency=200, cache_url=url_of(f"127.0.0.1:{wire.port}"))
    await wire.cut()

    client = callers.anybody(service)
    answers = await asyncio.gather(*(client.get("/api/cached") for _ in range(200)))

    assert [answer.status_code for answer in answers] == [200] * 200
    assert source.loads == 1


async def test_a_change_reaches_the_server_even_if_it_has_failed_a_moment_ago(
    start: Start, wire: Wire, replicas: list[Cache], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "LOCAL_SECONDS", 0)
    source = Source()
    assert await read(replicas[0], source) == "old"
    behind_wire = (await start(cache_url=url_of(f"127.0.0.1:{wire.port}"))).state.cache
    await wire.cut()
    await behind_wire.increment("key", 60)
    await wire.connect()

    source.text = "new"
    await behind_wire.invalidate("key")

    assert await read(replicas[0], source) == "new"


async def test_a_counter_expires() -> None:
    store = Store(Settings(app_env="test"))
    key = uuid4().hex
    assert [await store.increment(key, 1) for _ in range(2)] == [1, 2]

    await asyncio.sleep(2.1)

    assert await store.increment(key, 1) == 1
    await store.aclose()


async def test_without_the_cache_the_process_counts_on_its_own(
    client: AsyncClient, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "RETRY_SECONDS", 0)
    assert await _remaining(client, 3) == [999, 998, 997]

    await wire.cut()
    with capture_logs() as logged:
        assert await _remaining(client, 3) == [999, 998, 997]
        readiness = await client.get("/readyz")

    assert (readiness.status_code, readiness.json()["status"]) == (200, "degraded")
    assert readiness.json()["checks"]["cache"]["status"] == "unavailable"
    assert [line["log_level"] for line in logged if line["event"] == "cache unavailable"] == ["warning"]


@pytest.mark.usefixtures("queue")  # without it, the service would stay degraded
async def test_the_cache_is_used_again_when_it_is_back(
    start: Start, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = await _client(start, wire)
    monkeypatch.setattr(cache, "RETRY_SECONDS", 0)
    assert await _remaining(client, 2) == [999, 998]
    await wire.cut()
    assert await _remaining(client, 1) == [999]

    await wire.connect()
    monkeypatch.setattr(cache, "RETRY_SECONDS", 60)
    first, second = await _remaining(client, 2)

    # The request that failed may have reached the server.
    assert first in (997, 996)
    assert second == first - 1
    assert (await client.get("/readyz")).json()["status"] == "ok"


async def test_a_cache_that_hangs_delays_only_the_first_request(client: AsyncClient, wire: Wire) -> None:
    await _remaining(client, 1)
    wire.carries.clear()

    seconds = []
    for _ in range(20):
        started_at = time.perf_counter()
        assert (await client.get(ROUTE)).status_code == 404
        seconds.append(time.perf_counter() - started_at)

    assert seconds[0] < 0.5
    assert sum(seconds[1:]) < 0.5


async def test_answers_that_come_too_late_are_not_mistaken_for_others(
    client: AsyncClient, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "RETRY_SECONDS", 0)
    await _remaining(client, 2)
    wire.carries.clear()
    await asyncio.gather(*(client.get(ROUTE) for _ in range(5)))
    wire.carries.set()
    await asyncio.sleep(0.1)

    remaining = await _remaining(client, 3)

    assert remaining == list(range(remaining[0], remaining[0] - 3, -1))


async def test_requests_to_the_cache_are_counted_by_result(client: AsyncClient, wire: Wire) -> None:
    async def counts() -> list[float]:
        lines = (await client.get("/metrics")).text.splitlines()
        samples = dict(line.rsplit(" ", 1) for line in lines if line.startswith("cache_requests_total{"))
        return [
            float(samples['cache_requests_total{result="' + result + '"}']) for result in ("ok", "error", "skipped")
        ]

    before = await counts()
    await _remaining(client, 3)
    await wire.cut()
    await _remaining(client, 3)

    assert [after - first for after, first in zip(await counts(), before, strict=True)] == [3, 1, 2]


@pytest.mark.parametrize(
    "url", ["mysql://app:hunter2@localhost", url_of(""), url_of("localhost:99999"), f"{url_of('localhost')}/x/y"]
)
def test_a_url_of_something_else_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must read like"):
        Settings(cache_url=url)


def test_a_wrong_url_ends_the_process_with_one_line_without_the_url(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CACHE_URL", "mysql://app:hunter2@localhost")
    settings.cache_clear()

    with pytest.raises(SystemExit, match="78"):
        settings_or_exit()

    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: CACHE_URL: must read like ")
    assert "hunter2" not in line


def test_the_url_may_come_from_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "url"
    path.write_text(f"{url_of('cache')}\n")
    monkeypatch.delenv("CACHE_URL")
    monkeypatch.setenv("CACHE_URL_FILE", str(path))

    assert Settings().cache_url == url_of("cache")


async def _client(start: Start, wire: Wire) -> AsyncClient:
    return callers.anybody(await start(cache_url=url_of(f"127.0.0.1:{wire.port}"), rate_limit_default="1000/day"))


async def _remaining(client: AsyncClient, requests: int) -> list[int]:
    """What each response says about the requests that are left."""
    return [int((await client.get(ROUTE)).headers["RateLimit-Remaining"]) for _ in range(requests)]
