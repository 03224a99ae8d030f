"""REL-5: a service without its cache fails no request, and answers as fast as before."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

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
