"""CACHE-1, REL-5: replicas share one rate limit and one load of a value, and outlive the cache."""

import asyncio
import subprocess
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import ExitStack

import httpx
import pytest

from tests.components import wait_until
from tests.deployments import CacheServer
from tests.drills.traffic import ORDERS, Member, Outcome, crowd, member, p95
from tests.services import Replica, Service

pytestmark = pytest.mark.needs("cache")

PATIENCE_SECONDS = 10
"""How long a process may take to use the cache again."""
NOISE_SECONDS = 0.02
"""What the 95th percentile may be worse because the machine is busy."""
MISSES = """
import asyncio, sys
from prometheus_client import REGISTRY
from pydantic import BaseModel
from app.cache import Cache
from app.config import settings
from app.database import Database

class Answer(BaseModel):
    number: int

async def main(requests):
    cache = Cache(settings())
    async with Database(settings()) as database:
        async def load():
            await database.ping()
            await asyncio.sleep(0.5)  # a slow query
            return Answer(number=42)
        print("ready", flush=True)
        sys.stdin.readline()
        reads = [cache.get_or_load("drill", Answer, load, seconds=60) for _ in range(requests)]
        assert {answer.number for answer in await asyncio.gather(*reads)} == {42}
    await cache.aclose()
    reads = "db_client_operation_duration_seconds_count"
    print(int(REGISTRY.get_sample_value(reads, {"operation": "read"})))

asyncio.run(main(int(sys.argv[1])))
"""
"""A process that reads a cached value so many times at once; prints its reads of the database."""


@pytest.mark.usefixtures("cache")
def test_replicas_share_one_rate_limit(service: Service) -> None:
    service.env |= {"RATE_LIMIT_DEFAULT": "100/day"}
    urls = [service.api().url, service.api().url]
    headers = service.sign_in(urls[0], "budget")

    async def send_many() -> list[Outcome]:
        async with member(headers) as buyer:
            outcomes = []
            for _ in range(20):
                outcomes += await asyncio.gather(
                    *(buyer.send("GET", urls[number % 2] + ORDERS) for number in range(8))
                )
            return outcomes

    assert _kinds(asyncio.run(send_many())) == {(200, ""): 100, (429, "rate_limited"): 60}


@pytest.mark.usefixtures("cache")
def test_200_concurrent_misses_in_four_processes_take_one_query(service: Service) -> None:
    with ExitStack() as running:
        processes = [running.enter_context(_misses(service, 50)) for _ in range(4)]
        for each in processes:
            assert _readline(each) == "ready"
        for each in processes:
            assert each.stdin
            each.stdin.write("\n")
            each.stdin.flush()
        queries = [int(_readline(each)) for each in processes]

    assert sorted(queries) == [0, 0, 0, 1]


def test_a_cache_that_is_killed_under_load_fails_no_request_and_is_used_again(
    service: Service, cache: CacheServer
) -> None:
    replica = service.api()
    headers = service.sign_in(replica.url, "outage")

    before = _under_load(replica, headers, lambda: time.sleep(3))

    def lose_the_cache() -> None:
        cache.kill()
        wait_until(lambda: _status(replica) == "degraded", 5, "readiness stayed ok")
        time.sleep(3)

    during = _under_load(replica, headers, lose_the_cache)
    cache.start()
    counted = _answered(replica)
    after = _under_load(replica, headers, lambda: _wait_until_used(replica, counted))

    for outcomes in (before, during, after):
        assert {(o.status, o.error) for o in outcomes} == {(200, "")}, _kinds(outcomes)
    assert _p95(during) < 2 * _p95(before) + NOISE_SECONDS
    assert _p95(after) < 2 * _p95(before) + NOISE_SECONDS
    wait_until(lambda: _status(replica) == "ok", 5, "readiness stayed degraded")
    assert replica.process.exit_code is None


def _misses(service: Service, requests: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(service.python), "-c", MISSES, str(requests)],
        cwd=service.project,
        env=service.environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _readline(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def _under_load(
    replica: Replica, headers: dict[str, str], harm: Callable[[], None]
) -> list[Outcome]:
    """Read orders with four clients until `harm` is done."""

    async def scenario() -> list[Outcome]:
        async with member(headers) as reader:
            harming = asyncio.create_task(asyncio.to_thread(harm))
            outcomes = []
            while not harming.done():
                outcomes += await crowd(4, 0.5, _gently(reader, replica.url))
            await harming
            return outcomes

    return asyncio.run(scenario())


def _gently(reader: Member, url: str) -> Callable[[], Awaitable[Outcome]]:
    async def act() -> Outcome:
        await asyncio.sleep(0.02)
        return await reader.send("GET", url + ORDERS)

    return act


def _status(replica: Replica) -> str:
    """The status of readiness, which answers 200 with and without the cache."""
    answer = httpx.get(f"{replica.url}/readyz", timeout=5)
    assert answer.status_code == 200, answer.text
    status: str = answer.json()["status"]
    assert (answer.json()["checks"]["cache"]["status"] == "ok") == (status == "ok")
    return status


def _wait_until_used(replica: Replica, counted: float) -> None:
    wait_until(lambda: _answered(replica) > counted, PATIENCE_SECONDS, "the cache stayed unused")


def _answered(replica: Replica) -> float:
    """How many requests the cache has answered."""
    return replica.metrics()['cache_requests_total{result="ok"}']


def _p95(outcomes: list[Outcome]) -> float:
    return p95([outcome.seconds for outcome in outcomes])


def _kinds(outcomes: list[Outcome]) -> Counter[tuple[int, str]]:
    return Counter((outcome.status, outcome.code or outcome.error) for outcome in outcomes)
