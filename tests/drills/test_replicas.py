"""REL-4, REL-6: two replicas and two workers on one database do everything once."""

import asyncio
import re
import time

import pytest

from tests.components import wait_until
from tests.drills.databases import Database, eventually
from tests.drills.traffic import member
from tests.services import Service, Worker

JOB = re.compile(r'jobs_total\{job="(\w+)",result="(\w+)"\}')


@pytest.mark.needs("queue")
def test_two_workers_confirm_each_order_once(service: Service, database: Database) -> None:
    database.audit_confirmations()
    urls = [service.api().url, service.api().url]
    workers = [service.worker(), service.worker()]
    headers = service.sign_in(urls[0], "replicas")

    async def create_many() -> None:
        async with member(headers) as buyer:
            for _ in range(20):
                outcomes = await asyncio.gather(*(buyer.create(urls[n % 2]) for n in range(20)))
                assert {o.status for o in outcomes} == {201}, outcomes

    asyncio.run(create_many())
    eventually(lambda: len(database.confirmations()), 400, 20)
    handlers = 2 if service.has_webhooks else 1  # the second one delivers webhooks
    eventually(lambda: _handled_orders(workers), 400 * handlers, 20)
    time.sleep(1)  # for what is handled twice
    assert _handled_orders(workers) == 400 * handlers
    assert sorted(database.confirmations()) == sorted(database.orders().values())


def test_scheduled_jobs_run_once_a_tick_however_many_workers_there_are(
    service: Service, database: Database
) -> None:
    workers = [service.worker() for _ in range(3)]
    wait_until(lambda: bool(_runs(workers)), 15, "no job ran")
    time.sleep(6)  # each worker looks every 5 s
    first = _runs(workers)
    assert set(first.values()) == {1}, first

    database.make_jobs_due()
    time.sleep(7)
    assert _runs(workers) == dict.fromkeys(first, 2)


def _handled_orders(workers: list[Worker]) -> int:
    """How often all workers have called a handler of a placed order."""
    handled = 'messages_handled_total{result="ok",type="order.placed"}'
    return sum(round(worker.metrics().get(handled, 0)) for worker in workers)


def _runs(workers: list[Worker]) -> dict[tuple[str, str], float]:
    """How often each job ran with which result, by all workers together."""
    runs: dict[tuple[str, str], float] = {}
    for worker in workers:
        for sample, count in worker.metrics().items():
            if match := JOB.fullmatch(sample):
                runs[match[1], match[2]] = runs.get((match[1], match[2]), 0) + count
    return runs
