"""REL-4: whatever is killed, what was acknowledged exists once and takes effect once."""

import asyncio
import os
import random
import time

import pytest

from tests.drills.brokers import Rabbit
from tests.drills.databases import (
    UNCONFIRMED,
    Database,
    as_id,
    assert_confirmed,
    audit_confirmations,
    eventually,
)
from tests.drills.traffic import Ledger, member
from tests.services import Replica, Service, Worker

SECONDS = float(os.environ.get("DRILL_SECONDS", "60"))
LEASE = 2


def test_killed_processes_lose_nothing_and_repeat_nothing(
    service: Service, database: Database, broker: Rabbit | None
) -> None:
    """`kill -9` of the API and the worker in turn under load, each started again at once.

    A broker is killed, too, at the same time.
    """
    audit_confirmations(database)
    service.env["QUEUE_LEASE_SECONDS"] = str(LEASE)
    replica, worker = service.api(), service.worker()
    headers = service.sign_in(replica.url, "loop")
    ledger = Ledger()

    async def scenario() -> int:
        ends = time.monotonic() + SECONDS

        async def place_orders() -> None:
            async with member(headers, seconds=10) as buyer:
                while time.monotonic() < ends:
                    await ledger.place(buyer, [replica.url])
                    await asyncio.sleep(0.05)

        killing = asyncio.create_task(_kill_in_turn(replica, worker, ends))
        outages = asyncio.create_task(asyncio.to_thread(_kill_broker, broker, ends))
        await asyncio.gather(*(place_orders() for _ in range(8)), outages)
        return await killing

    kills = asyncio.run(scenario())
    assert ledger.surprises == []
    assert kills >= SECONDS / 4, "hardly anything was killed"
    assert ledger.tries > len(ledger.acknowledged), "no request was hit by a kill"
    assert_confirmed(service, database, 30)
    _assert_each_once(service, ledger, database)


@pytest.mark.needs("queue")
def test_messages_of_killed_workers_are_delivered_again_after_their_lease(
    service: Service, database: Database
) -> None:
    audit_confirmations(database)
    service.env["QUEUE_LEASE_SECONDS"] = str(LEASE)
    url = service.api().url
    headers = service.sign_in(url, "lease")
    ledger = Ledger()

    async def fill() -> None:
        async with member(headers) as buyer:
            await asyncio.gather(*(ledger.place(buyer, [url]) for _ in range(300)))

    asyncio.run(fill())
    workers = [service.worker(), service.worker()]
    _wait_for_first_confirmation(database)
    for worker in workers:
        worker.process.kill()
    assert database.query(UNCONFIRMED) != [("0",)], "the workers were killed too late"

    service.worker()
    eventually(database, UNCONFIRMED, [("0",)], LEASE + 15)
    _assert_each_once(service, ledger, database)


async def _kill_in_turn(replica: Replica, worker: Worker, ends: float) -> int:
    """Kill one of the two each second or so until `ends`; gives how many were killed."""
    kills = 0
    while time.monotonic() < ends:
        await asyncio.sleep(random.uniform(0.2, 1.5))
        victim = replica if kills % 2 else worker
        victim.process.kill()
        await asyncio.to_thread(victim.start)
        kills += 1
    return kills


def _kill_broker(broker: Rabbit | None, ends: float) -> None:
    """Kill the broker again and again until `ends`, if there is one."""
    while broker and time.monotonic() < ends:
        time.sleep(random.uniform(3, 8))
        with broker.killed():
            time.sleep(random.uniform(0, 2))


def _wait_for_first_confirmation(database: Database) -> None:
    ends = time.monotonic() + 15
    while database.query("SELECT count(*) FROM drill_audit") == [("0",)]:
        assert time.monotonic() < ends, "the workers confirmed nothing"


def _assert_each_once(service: Service, ledger: Ledger, database: Database) -> None:
    """Each acknowledged order is one row; with a queue, each was confirmed by one statement."""
    rows = database.query("SELECT reference, id FROM orders")
    assert len(rows) == len({reference for reference, _ in rows}), "a reference has two rows"
    lost = set(ledger.acknowledged.items()) - {(reference, as_id(id_)) for reference, id_ in rows}
    assert not lost, f"{len(lost)} acknowledged orders are lost"
    if service.has_queue:
        confirmed = database.query("SELECT order_id FROM drill_audit WHERE status = 'confirmed'")
        assert sorted(confirmed) == sorted((id_,) for _, id_ in rows), "not confirmed exactly once"
