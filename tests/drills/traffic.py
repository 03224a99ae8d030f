"""Bounded traffic for the drills: members that create and read orders, and a small balancer."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from tests.services import Replica
from tests.web import Answer, Client, TransportError

ORDERS = "/api/v1/orders"
_numbers = itertools.count(1)


def order() -> dict[str, object]:
    """The body of a create, with a reference that nobody used before."""
    lines = [
        {"sku": "apple", "quantity": 2, "unit_price": "1.50"},
        {"sku": "pear", "quantity": 1, "unit_price": "0.99"},
    ]
    return {"reference": f"drill-{next(_numbers)}", "currency": "EUR", "lines": lines}


@dataclass(frozen=True)
class Outcome:
    """What became of one request that was sent: a status, or the name of a transport error."""

    status: int
    seconds: float
    error: str = ""
    answer: Answer | None = None

    @property
    def succeeded(self) -> bool:
        """Whether it was answered below 400."""
        return not self.error and self.status < 400

    def __str__(self) -> str:
        """`503 overloaded in 0.004 s`, or the transport error."""
        what = self.error or f"{self.status} {self.code}"
        return f"{what} in {self.seconds:.3f} s"

    @property
    def code(self) -> str:
        """The code of a problem; empty for another answer."""
        if self.answer is None or self.status < 400:
            return ""
        return str(self.answer.json().get("code", ""))

    @property
    def id(self) -> str:
        """The id of the resource in the answer."""
        return str(self.answer.json()["id"]) if self.answer else ""


@dataclass
class Member:
    """A signed-in client of one or more replicas."""

    headers: dict[str, str]
    client: Client

    async def send(
        self,
        method: str,
        url: str,
        body: dict[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Outcome:
        """Send one request, with this member's token."""
        began = time.perf_counter()
        everything = {**self.headers, **(headers or {})}
        try:
            answer = await self.client.request(method, url, everything, body)
        except TransportError as error:
            return Outcome(0, time.perf_counter() - began, str(error))
        return Outcome(answer.status, time.perf_counter() - began, "", answer)

    async def create(
        self, url: str, body: dict[str, object] | None = None, key: str = ""
    ) -> Outcome:
        """Create an order on the replica at `url`, under an idempotency key if one is given."""
        headers = {"Idempotency-Key": key} if key else {}
        return await self.send("POST", url + ORDERS, body or order(), headers)


@asynccontextmanager
async def member(headers: dict[str, str], seconds: float = 15) -> AsyncIterator[Member]:
    """A client that gives up on a request after `seconds`."""
    client = Client(timeout=seconds)
    try:
        yield Member(headers, client)
    finally:
        client.close()


async def crowd(size: int, seconds: float, act: Callable[[], Awaitable[Outcome]]) -> list[Outcome]:
    """`size` clients that act one request after the other for `seconds`; gives all outcomes."""
    ends = time.monotonic() + seconds

    async def one() -> list[Outcome]:
        outcomes = []
        while time.monotonic() < ends:
            outcomes.append(await act())
        return outcomes

    return list(itertools.chain(*await asyncio.gather(*(one() for _ in range(size)))))


class Balancer:
    """Sends each request to the next replica whose `/readyz` answers 200, as a gateway would."""

    def __init__(self, replicas: Sequence[Replica]) -> None:
        self._ready = dict.fromkeys((replica.url for replica in replicas), False)
        self._turn = itertools.count()

    def pick(self) -> str:
        """The origin of a ready replica; raises AssertionError when there is none."""
        ready = [url for url, is_ready in self._ready.items() if is_ready]
        assert ready, "no replica is ready"
        return ready[next(self._turn) % len(ready)]

    @asynccontextmanager
    async def watching(self, every: float = 0.1) -> AsyncIterator[Balancer]:
        """Ask each replica for its readiness again and again inside the block."""
        client = Client(timeout=2)
        await asyncio.gather(*(self._look(client, url) for url in self._ready))
        tasks = [asyncio.create_task(self._watch(client, url, every)) for url in self._ready]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            client.close()

    async def _watch(self, client: Client, url: str, every: float) -> None:
        while True:
            await self._look(client, url)
            await asyncio.sleep(every)

    async def _look(self, client: Client, url: str) -> None:
        try:
            answer = await client.request("GET", f"{url}/readyz", {})
            self._ready[url] = answer.status == 200
        except TransportError:
            self._ready[url] = False


@dataclass
class Ledger:
    """Orders that were acknowledged, by reference, however many tries each took."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    tries: int = 0
    surprises: list[str] = field(default_factory=list)

    async def place(self, buyer: Member, urls: Sequence[str], patience: float = 30) -> None:
        """Create one order, trying again with the same key until it is acknowledged.

        Anything but a success, a lost connection, 409 in progress or 503 is a surprise.
        """
        body, key = order(), str(uuid.uuid4())
        ends = time.monotonic() + patience
        while time.monotonic() < ends:
            self.tries += 1
            outcome = await buyer.create(random.choice(urls), body, key)
            if outcome.status == 201:
                self.acknowledged[str(body["reference"])] = outcome.id
                return
            if not _may_try_again(outcome):
                self.surprises.append(str(outcome))
                return
            await asyncio.sleep(0.05)
        self.surprises.append(f"not acknowledged within {patience} s")


def p95(seconds: Sequence[float]) -> float:
    """The 95th percentile."""
    return sorted(seconds)[int(len(seconds) * 0.95)]


def _may_try_again(outcome: Outcome) -> bool:
    return bool(outcome.error or outcome.status == 503 or outcome.code == "idempotency_in_progress")
