"""REL-2: a process that is told to end finishes what it began, in bounded time."""

import asyncio
import itertools
import json
import signal
import socket
import time
from collections import Counter
from contextlib import closing

import httpx
import pytest

from tests.components import wait_until
from tests.drills.databases import Database, eventually
from tests.drills.traffic import ORDERS, Balancer, Outcome, crowd, member, order
from tests.services import Replica, Service, Worker

FORCED = 1
"""The exit code of a process that could not finish what it had begun."""


def test_no_request_fails_while_replicas_are_ended_under_load(service: Service) -> None:
    """A gateway asks for readiness each 0.1 s; nothing is ever sent twice."""
    replicas = [service.api(), service.api()]
    headers = service.sign_in(replicas[0].url, "steady")
    exits: list[int] = []

    async def roll() -> None:
        for replica in replicas:
            await asyncio.sleep(0.7)
            exits.append(await asyncio.to_thread(replica.terminate))
            await asyncio.to_thread(replica.start)

    async def scenario() -> list[Outcome]:
        balancer = Balancer(replicas)
        async with balancer.watching(), member(headers) as buyer:
            reading = itertools.cycle([True, False])

            async def act() -> Outcome:
                if next(reading):
                    return await buyer.send("GET", f"{balancer.pick()}{ORDERS}?limit=5")
                return await buyer.create(balancer.pick())

            rolling = asyncio.create_task(roll())
            outcomes = await crowd(16, 8, act)
            await rolling
            return outcomes

    outcomes = asyncio.run(scenario())
    failed = Counter(str(o) for o in outcomes if not o.succeeded)
    assert not failed, failed
    assert len(outcomes) > 200, "there was no load"
    assert exits == [0, 0]


def test_a_request_in_flight_is_answered_after_sigterm(service: Service) -> None:
    replica = service.api(SHUTDOWN_DELAY_SECONDS="0.5")
    with closing(_HalfRequest(service, replica)) as request, httpx.Client() as idle:
        idle.get(f"{replica.url}/livez")  # an idle connection must not hold the process
        began = time.monotonic()
        replica.process.signal(signal.SIGTERM)
        wait_until(lambda: not replica.is_ready(), 2, "readiness stayed 200 after SIGTERM")
        time.sleep(1.5)
        assert replica.process.exit_code is None, "it did not wait for the request"
        head = request.finish()
        assert head.startswith("HTTP/1.1 201"), head
        assert "\r\nconnection: close\r\n" in head.lower(), head
        assert replica.process.wait(5) == 0
    assert time.monotonic() - began < 10


def test_a_request_that_never_ends_does_not_outlive_the_grace_period(service: Service) -> None:
    replica = service.api(SHUTDOWN_GRACE_SECONDS="2", SHUTDOWN_DELAY_SECONDS="0.2")
    with closing(_HalfRequest(service, replica)):
        assert replica.terminate(seconds=5) == FORCED


def test_a_second_signal_ends_the_process_at_once(service: Service) -> None:
    replica = service.api()
    with closing(_HalfRequest(service, replica)):
        replica.process.signal(signal.SIGTERM)
        time.sleep(0.3)
        assert replica.process.exit_code is None
        replica.terminate(seconds=1)


@pytest.mark.needs("queue")
def test_a_worker_ends_with_zero_and_leaves_nothing_leased(
    service: Service, database: Database
) -> None:
    url = service.api(QUEUE_LEASE_SECONDS="60").url
    first = _started_worker(service, QUEUE_LEASE_SECONDS="60")
    headers = service.sign_in(url, "worker")

    async def burst() -> None:
        async with member(headers) as buyer:
            for _ in range(4):
                outcomes = await asyncio.gather(*(buyer.create(url) for _ in range(25)))
                assert {o.status for o in outcomes} == {201}, outcomes

    asyncio.run(burst())
    assert first.terminate(seconds=20) == 0
    service.worker(QUEUE_LEASE_SECONDS="60")
    # Had the first kept a lease, this would take a minute.
    eventually(database.unconfirmed, 0, 15)


@pytest.mark.needs("queue")
def test_a_worker_that_cannot_finish_does_not_outlive_the_grace_period(
    service: Service, database: Database
) -> None:
    service.env |= {"SHUTDOWN_GRACE_SECONDS": "3", "QUEUE_POLL_SECONDS": "0.1"}
    url = service.api().url
    headers = service.sign_in(url, "stuck")

    async def burst() -> None:
        async with member(headers) as buyer:
            await asyncio.gather(*(buyer.create(url) for _ in range(40)))

    asyncio.run(burst())
    with database.locked_for_writing():
        # It starts after the lock, because it could handle all orders before.
        assert _exit_code_of_a_stuck_worker(service) == FORCED


def _exit_code_of_a_stuck_worker(service: Service) -> int:
    """How a worker ends. One that had no message yet ends with 0: the next one gets more time."""
    for seconds in (0.5, 8):
        worker = _started_worker(service)
        time.sleep(seconds)
        if code := worker.terminate(seconds=5):
            return code
    return 0


def _started_worker(service: Service, **env: str) -> Worker:
    worker = service.worker(**env)
    wait_until(lambda: bool(worker.metrics()), 15, "the worker did not start", worker.process)
    return worker


class _HalfRequest:
    """A create whose body stops half way, until it is finished or closed."""

    def __init__(self, service: Service, replica: Replica) -> None:
        headers = service.sign_in(replica.url, "half")
        body = json.dumps(order())
        self._rest = body[20:].encode()
        lines = [
            f"POST {ORDERS} HTTP/1.1",
            f"Host: 127.0.0.1:{replica.port}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self._socket = socket.create_connection(("127.0.0.1", replica.port), timeout=10)
        self._socket.sendall(("\r\n".join(lines) + "\r\n\r\n" + body[:20]).encode())
        time.sleep(0.2)

    def finish(self) -> str:
        """Send the rest of the body; gives the head of the answer, with its last line end."""
        self._socket.sendall(self._rest)
        answer = b""
        while chunk := self._socket.recv(65536):
            answer += chunk
        return answer.decode().partition("\r\n\r\n")[0] + "\r\n"

    def close(self) -> None:
        """Drop the connection."""
        self._socket.close()
