"""A load test: starts the service on the configured database, sends it requests at a fixed rate and judges them.

`RATE` (requests a second, 50) and `SECONDS` (10) come from the environment. Exit code 1 when a route answers
slower than 100 ms at the 95th percentile, or when a request fails. A request counts from the moment it was due.
"""

import asyncio
import os
import socket
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx2

from caller import headers

P95_LIMIT_MS = 100
RATE = int(os.environ.get("RATE", "50"))
SECONDS = int(os.environ.get("SECONDS", "10"))


async def main() -> None:
    milliseconds: dict[str, list[float]] = defaultdict(list)
    async with service() as url, httpx2.AsyncClient(base_url=f"{url}/api/v1", timeout=10) as client:
        client.headers.update(await headers(client))
        order = (await create(client)).headers["Location"]
        requests = {
            "create": lambda: create(client),
            "get": lambda: client.get(f"{url}{order}"),
            "list": lambda: client.get("/orders"),
        }
        began = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in range(RATE * SECONDS):
                due = began + number / RATE
                await asyncio.sleep(due - time.perf_counter())
                name = list(requests)[number % len(requests)]
                group.create_task(measure(requests[name], due, milliseconds[name]))
    report(milliseconds)


@asynccontextmanager
async def service() -> AsyncIterator[str]:
    """A service of our own, without rate limits; its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "PORT": str(port), "RATE_LIMIT_DEFAULT": "1000000/second", "LOG_LEVEL": "error"}
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "app", env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        await ready(url)
        yield url
    finally:
        process.terminate()
        await process.wait()


async def ready(url: str) -> None:
    async with httpx2.AsyncClient() as client, asyncio.timeout(20):
        while True:
            try:
                (await client.get(f"{url}/readyz")).raise_for_status()
            except httpx2.HTTPError:
                await asyncio.sleep(0.1)
            else:
                return


async def create(client: httpx2.AsyncClient) -> httpx2.Response:
    line = {"sku": "tea", "quantity": 2, "unit_price": "4.50"}
    return await client.post("/orders", json={"reference": uuid4().hex, "currency": "EUR", "lines": [line, line]})


async def measure(request: Callable[[], Awaitable[httpx2.Response]], due: float, milliseconds: list[float]) -> None:
    (await request()).raise_for_status()
    milliseconds.append((time.perf_counter() - due) * 1000)


def report(milliseconds: dict[str, list[float]]) -> None:
    slow = False
    for name, values in milliseconds.items():
        p50, p95 = (statistics.quantiles(values, n=20)[index] for index in (9, 18))
        slow |= p95 >= P95_LIMIT_MS
        print(f"{name:8} {len(values):5} requests   p50 {p50:6.1f} ms   p95 {p95:6.1f} ms")
    sys.exit(f"error: a p95 is {P95_LIMIT_MS} ms or more" if slow else 0)


if __name__ == "__main__":
    asyncio.run(main())
