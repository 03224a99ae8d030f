"""Start the service, send RATE (50) requests a second for SECONDS (10), and measure how long they take.

Exit code 1 when a request fails, or when the 95th percentile of a route is 100 ms or more. The time of a request
begins when it was due.
"""

import asyncio
import os
import socket
import subprocess
import sys
from statistics import quantiles
from time import perf_counter
from uuid import uuid4

import httpx2

from caller import headers

RATE, SECONDS = int(os.environ.get("RATE", "50")), int(os.environ.get("SECONDS", "10"))
ORDERS = "/api/v1/orders"


async def main(url: str) -> None:
    transport = httpx2.AsyncHTTPTransport(retries=5)  # to connect, because the service takes a moment to start
    async with httpx2.AsyncClient(base_url=url, transport=transport) as client:
        client.headers.update(await headers(client))
        await milliseconds(client, perf_counter(), "POST", ORDERS)
        [order] = (await client.get(ORDERS, params={"limit": 1})).json()["data"]
        routes = (("GET", ORDERS), ("GET", f"{ORDERS}/{order['id']}"), ("POST", ORDERS))
        began, tasks = perf_counter(), []
        for number in range(RATE * SECONDS):
            due = began + number / RATE
            await asyncio.sleep(due - perf_counter())
            tasks.append(asyncio.create_task(milliseconds(client, due, *routes[number % 3])))
        took = await asyncio.gather(*tasks)
    p95 = [quantiles(took[first::3], n=20)[18] for first in range(3)]
    print("p95 in ms: list {:.1f}, get {:.1f}, create {:.1f}".format(*p95))
    sys.exit("error: a p95 is 100 ms or more" if max(p95) >= 100 else 0)


async def milliseconds(client: httpx2.AsyncClient, due: float, method: str, path: str) -> float:
    lines = [{"sku": "tea", "quantity": 2, "unit_price": "4.50"}]
    order = {"reference": uuid4().hex, "currency": "EUR", "lines": lines} if method == "POST" else None
    (await client.request(method, path, json=order)).raise_for_status()
    return (perf_counter() - due) * 1000


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    quiet = {"PORT": str(port), "RATE_LIMIT_DEFAULT": "1000000/second", "LOG_LEVEL": "error"}
    with subprocess.Popen([sys.executable, "-m", "app"], env={**os.environ, **quiet}) as service:
        try:
            asyncio.run(main(f"http://127.0.0.1:{port}"))
        except httpx2.HTTPError as error:
            sys.exit(f"error: {error}")
        finally:
            service.terminate()
