"""REL-4: whatever is killed, what was acknowledged exists once and takes effect once."""

import asyncio
import os
import random
import time
from collections.abc import Callable

import pytest

from tests.components import wait_until
from tests.components.outages import Server, killed
from tests.drills.brokers import Broker
from tests.drills.databases import Database, assert_confirmed, eventually
from tests.drills.traffic import Ledger, member
from tests.services import Replica, Service, Worker

SECONDS = float(os.environ.get("DRILL_SECONDS", "60"))
LEASE = 2

Kills = dict[str, int]
Record = Callable[[str, object], None]


def test_killed_processes_lose_nothing_and_repeat_nothing(
    service: Service,
    database: Database,
    broker: Broker | None,
    record_testsuite_property: Record,
) -> None:
    """`kill -9` under load: of the API and the worker in turn, the database, and the broker.

    Whatever was killed starts again at once; a server stays away for up to two seconds.
    """
    database.audit_confirmations()
    service.env["QUEUE_LEASE_SECONDS"] = str(LEASE)
    replica, worker = service.api(), service.worker()
    headers = service.sign_in(replica.url, "loop")
    servers = {"database": database.server, "broker": broker and broker.server}
    victims = {name: server for name, server in servers.items() if server}
    ledger = Ledger()

    async def scenario() -> Kills:
        ends = time.monotonic() + SECONDS

        async def place_orders() -> None:
            async with member(headers, seconds=10) as buyer:
                while time.monotonic() < ends:
                    await ledger.place(buyer, [replica.url])
                    await asyncio.sleep(0.05)

        killing = asyncio.create_task(_kill_in_turn(replica, worker, ends))
        outages = [
            asyncio.create_task(asyncio.to_thread(_kill_server, server, ends))
            for server in victims.values()
        ]
        await asyncio.gather(*(place_orders() for _ in range(8)))
        counts = await asyncio.gather(*outages)
        return await killing | dict(zip(victims, counts, strict=True))

    kills = asyncio.run(scenario())
    ended = time.monotonic()
    assert ledger.surprises == []
    assert kills["api"] + kills["worker"] >= SECONDS / 5, "hardly anything was killed"
    assert all(kills.values()), kills
    assert ledger.tries > len(ledger.acknowledged), "no request was hit by a kill"
    assert_confirmed(service, database, 30)
    recovered = time.monotonic() - ended
    _assert_each_once(service, ledger, database)
    record_testsuite_property("drill:seconds", int(SECONDS))
    for name, count in kills.items():
        record_testsuite_property(f"drill:{name} killed", count)
    record_testsuite_property("drill:orders", len(ledger.acknowledged))
    record_testsuite_property("drill:last event after", f"{recovered:.1f} s")


@pytest.mark.needs("queue")
def test_messages_of_killed_workers_are_delivered_again_after_their_lease(
    service: Service, database: Database
) -> None:
    database.audit_confirmations()
    service.env["QUEUE_LEASE_SECONDS"] = str(LEASE)
    service.env["QUEUE_BATCH_SIZE"] = "2"  # a hundred at once would be confirmed before the kill
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
    assert database.unconfirmed(), "the workers were killed too late"

    service.worker()
    eventually(database.unconfirmed, 0, LEASE + 60)  # in batches of two, on a busy machine
    _assert_each_once(service, ledger, database)


async def _kill_in_turn(replica: Replica, worker: Worker, ends: float) -> Kills:
    """Kill one of the two each second or so until `ends`; gives how many were killed."""
    kills = {"api": 0, "worker": 0}
    while time.monotonic() < ends:
        for name, victim in (("worker", worker), ("api", replica)):
            await asyncio.sleep(random.uniform(0.2, 1.5))
            victim.process.kill()
            await asyncio.to_thread(victim.start)
            kills[name] += 1
    return kills


def _kill_server(server: Server, ends: float) -> int:
    """Kill a server every few seconds until `ends`; gives how often."""
    kills = 0
    while time.monotonic() < ends:
        time.sleep(random.uniform(3, 8))
        with killed(server):
            time.sleep(random.uniform(0, 2))
        kills += 1
    return kills


def _wait_for_first_confirmation(database: Database) -> None:
    wait_until(lambda: bool(database.confirmations()), 15, "the workers confirmed nothing")


def _assert_each_once(service: Service, ledger: Ledger, database: Database) -> None:
    """Each acknowledged order is one row; with a queue, each was confirmed by one statement."""
    orders = database.orders()
    lost = ledger.acknowledged.items() - orders.items()
    assert not lost, f"{len(lost)} acknowledged orders are lost"
    if service.has_queue:
        confirmed = sorted(database.confirmations())
        assert confirmed == sorted(orders.values()), "not confirmed exactly once"
