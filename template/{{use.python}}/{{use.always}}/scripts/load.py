"""Start the service, send RATE (50) requests per second for SECONDS (10), and measure how long they take.

The exit code is 1 if a request fails, or if the 95th percentile of a route is 100 ms or more. The time of a request
is measured from the moment when it is due, even if it is sent late.
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

RATE = int(os.environ.get("RATE", "50"))
SECONDS = int(os.environ.get("SECONDS", "10"))
ORDERS = "/api/v1/orders"


async def main(url: str) -> None:
    transport = httpx2.AsyncHTTPTransport(retries=5)  # the service takes a moment to start
    async with httpx2.AsyncClient(base_url=url, transport=transport) as client:
        client.headers.update(await headers(client))
        await send(client, perf_counter(), "POST", ORDERS)
        [order] = (await client.get(ORDERS, params={"limit": 1})).json()["data"]
        routes = (("GET", ORDERS), ("GET", f"{ORDERS}/{order['id']}"), ("POST", ORDERS))
        started_at = perf_counter()
        tasks = []
        for number in range(RATE * SECONDS):
            due = started_at + number / RATE
            await asyncio.sleep(due - perf_counter())
            tasks.append(asyncio.create_task(send(client, due, *routes[number % 3])))
        milliseconds = await asyncio.gather(*tasks)
    # The last of 19 cut points is the 95th percentile.
    p95 = [quantiles(milliseconds[route::3], n=20)[-1] for route in range(3)]
    print("p95 in ms: list {:.1f}, get {:.1f}, create {:.1f}".format(*p95))
    sys.exit("error: a p95 is 100 ms or more" if max(p95) >= 100 else 0)


async def send(client: httpx2.AsyncClient, due: float, method: str, path: str) -> float:
    """Send a request. Returns the milliseconds from `due` to the response."""
    lines = [{"sku": "tea", "quantity": 2, "unit_price": "4.50"}]
    order = {"reference": uuid4().hex, "currency": "EUR", "lines": lines} if method == "POST" else None
    (await client.request(method, path, json=order)).raise_for_status()
    return (perf_counter() - due) * 1000


if __name__ == "__main__":
    with socket.create_server(("127.0.0.1", 0)) as free_socket:
        port = free_socket.getsockname()[1]
    settings = {"PORT": str(port), "RATE_LIMIT_DEFAULT": "1000000/second", "LOG_LEVEL": "error"}
    with subprocess.Popen([sys.executable, "-m", "app"], env={**os.environ, **settings}) as service:
        try:
            asyncio.run(main(f"http://127.0.0.1:{port}"))
        except httpx2.HTTPError as error:
            sys.exit(f"error: {error}")
        finally:
            service.terminate()
