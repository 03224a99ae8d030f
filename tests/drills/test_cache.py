"""CACHE-1: replicas share one rate limit and one load of a value."""

import asyncio
import subprocess
from collections import Counter
from contextlib import ExitStack

import pytest

from tests.drills.traffic import ORDERS, Outcome, member
from tests.services import Service

pytestmark = pytest.mark.needs("cache")


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


def _misses(service: Service, requests: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*service.runtime.cache_reader, str(requests)],
        cwd=service.project,
        env=service.environment({}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _readline(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def _kinds(outcomes: list[Outcome]) -> Counter[tuple[int, str]]:
    return Counter((outcome.status, outcome.code or outcome.error) for outcome in outcomes)
