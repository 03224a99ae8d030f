"""REL-1, REL-7, DB-3: a database that goes away, hangs or breaks, and comes back."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import httpx

from tests.components import wait_until
from tests.drills.databases import Database, assert_confirmed
from tests.drills.traffic import ORDERS, Member, Outcome, crowd, member, order
from tests.services import Service

BOUND_SECONDS = 12  # to wait for a connection (5), then for a lock or an answer of the database


def test_the_service_and_its_worker_outlive_an_outage_of_the_database(
    service: Service, database: Database
) -> None:
    """A server is stopped and started; on SQLite another process holds the file for itself."""
    replica, worker = service.api(), service.worker()
    headers = service.sign_in(replica.url, "outage")

    def suffer_an_outage() -> None:
        time.sleep(1)
        with database.outage():
            wait_until(lambda: not replica.is_ready(), 5, "readiness stayed 200")
            _assert_unavailable(replica.url, headers)
            time.sleep(2)
        replica.wait_ready(seconds=15)

    outcomes = _under_load(replica.url, headers, suffer_an_outage)
    _assert_only_503_fails(outcomes)
    assert not any(o.error for o in outcomes), "a connection broke"
    assert httpx.post(replica.url + ORDERS, json=order(), headers=headers).status_code == 201
    assert_confirmed(service, database, 20)
    assert replica.process.exit_code is worker.process.exit_code is None


def test_a_locked_database_gives_503_in_bounded_time_and_the_service_recovers(
    service: Service, database: Database
) -> None:
    """All connections of the pool wait for a lock; the requests behind them wait for the pool."""
    service.env |= {"DATABASE_POOL_SIZE": "2", "DATABASE_STATEMENT_TIMEOUT_SECONDS": "2"}
    replica, worker = service.api(), service.worker()
    headers = service.sign_in(replica.url, "locked")

    async def create_twenty() -> list[Outcome]:
        async with member(headers) as buyer:
            return await asyncio.gather(*(buyer.create(replica.url) for _ in range(20)))

    with database.locked_for_writing():
        outcomes = asyncio.run(create_twenty())
        assert httpx.get(f"{replica.url}/livez").status_code == 200
    assert Counter((o.status, o.code) for o in outcomes) == {(503, "unavailable"): 20}, outcomes
    assert max(o.seconds for o in outcomes) < BOUND_SECONDS

    replica.wait_ready(seconds=5)
    assert {o.status for o in asyncio.run(create_twenty())} == {201}
    assert_confirmed(service, database, 20)
    assert worker.process.exit_code is None


def test_a_crash_shows_nothing_but_the_request_id(service: Service, database: Database) -> None:
    replica = service.api()
    headers = service.sign_in(replica.url, "crash")
    database.hide_orders()
    answers = [
        httpx.get(f"{replica.url}{ORDERS}", headers=headers),
        httpx.post(f"{replica.url}{ORDERS}", headers=headers, json=order()),
    ]
    for answer in answers:
        assert answer.status_code == 500
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert answer.json()["code"] == "internal_error"
        assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
        for word in ("moved_away", 'orders"', "SELECT", "INSERT", "Error", ".py", "Traceback"):
            assert word not in answer.text.replace(ORDERS, ""), answer.text
    assert httpx.get(f"{replica.url}/livez").status_code == 200


def _under_load(url: str, headers: dict[str, str], harm: Callable[[], None]) -> list[Outcome]:
    """Create orders with four clients until `harm` is done and for a second after."""

    async def scenario() -> list[Outcome]:
        async with member(headers) as buyer:
            harming = asyncio.create_task(asyncio.to_thread(harm))
            outcomes = []
            while not harming.done():
                outcomes += await crowd(4, 0.5, _gently(buyer, url))
            await harming
            return outcomes + await crowd(4, 1, _gently(buyer, url))

    return asyncio.run(scenario())


def _gently(buyer: Member, url: str) -> Callable[[], Awaitable[Outcome]]:
    async def act() -> Outcome:
        await asyncio.sleep(0.02)
        return await buyer.create(url)

    return act


def _assert_unavailable(url: str, headers: dict[str, str]) -> None:
    """Readiness names the database, liveness stays, requests are told to come back."""
    readiness = httpx.get(f"{url}/readyz", timeout=5)
    assert readiness.status_code == 503
    assert readiness.json()["status"] == "unavailable"
    assert readiness.json()["checks"]["database"]["status"] != "ok"
    assert httpx.get(f"{url}/livez").status_code == 200
    answer = httpx.get(f"{url}{ORDERS}", headers=headers, timeout=BOUND_SECONDS)
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable"), answer.text
    assert int(answer.headers["Retry-After"]) >= 1


def _assert_only_503_fails(outcomes: list[Outcome]) -> None:
    kinds = Counter((o.status, o.code or o.error) for o in outcomes)
    assert set(kinds) == {(201, ""), (503, "unavailable")}, kinds
