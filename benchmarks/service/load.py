"""Two kinds of load: `saturate` sends as fast as is answered (wrk), `pace` at a fixed rate."""

from __future__ import annotations

import asyncio
import contextlib
import re
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 32


@dataclass(frozen=True)
class Route:
    """What to send: `script` is the Lua text for wrk, `request` gives the n-th request as bytes."""

    name: str
    script: str
    request: Callable[[int], bytes]


def routes(tokens: list[str], ids: list[str]) -> list[Route]:
    """The routes under measurement, for some `Authorization` values and some ids of orders."""
    return [
        _Get("livez", [], ["/livez"]).route(),
        _Get("get", tokens, [f"/api/v1/orders/{id_}" for id_ in ids]).route(),
        _Get("list", tokens, ["/api/v1/orders?limit=20"]).route(),
        _Create("create", tokens, keyed=False).route(),
        _Create("create+key", tokens, keyed=True).route(),
    ]


def saturate(port: int, script: Path, seconds: int) -> tuple[int, float]:
    """Keep 32 connections busy for some seconds; gives requests answered and seconds taken.

    Raises RuntimeError when any answer was not 2xx, any connection failed, or nothing was answered.
    """
    command = [
        "wrk",
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "--timeout=10s",
        "-s",
        str(script),
    ]
    url = f"http://127.0.0.1:{port}"
    text = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise RuntimeError(f"not every request succeeded:\n{text}")
    match = re.search(r"(\d+) requests in ([\d.]+)s", text)
    assert match, text
    if match[1] == "0":
        raise RuntimeError("nothing was answered: the machine is too busy to measure")
    return int(match[1]), float(match[2])


def pace(port: int, route: Route, rate: float, seconds: float) -> list[float]:
    """Send at a fixed rate whatever the answers do; gives the latency of each request in seconds.

    A latency counts from the moment the request was due, so that waiting for a free connection
    is not hidden. Raises RuntimeError on an answer that is not 2xx.
    """
    return asyncio.run(_pace(port, route, rate, seconds))


@dataclass(frozen=True)
class _Get:
    name: str
    tokens: list[str]
    paths: list[str]

    def route(self) -> Route:
        script = f"""
            local tokens, paths, n = {_lua(self.tokens)}, {_lua(self.paths)}, 0
            request = function()
              n = n + 1
              local headers = {{}}
              if #tokens > 0 then headers["Authorization"] = tokens[n % #tokens + 1] end
              return wrk.format("GET", paths[n % #paths + 1], headers)
            end"""
        return Route(self.name, script, self._request)

    def _request(self, number: int) -> bytes:
        path = self.paths[number % len(self.paths)]
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        if self.tokens:
            head += f"Authorization: {self.tokens[number % len(self.tokens)]}\r\n"
        return f"{head}\r\n".encode()


@dataclass(frozen=True)
class _Create:
    name: str
    tokens: list[str]
    keyed: bool

    def route(self) -> Route:
        key = '["Idempotency-Key"] = reference,' if self.keyed else ""
        script = f"""
            local tokens, n = {_lua(self.tokens)}, 0
            local series = os.time() .. "-" .. tostring({{}}):sub(8)
            request = function()
              n = n + 1
              local reference = series .. "-" .. n
              local headers = {{
                ["Authorization"] = tokens[n % #tokens + 1], {key}
                ["Content-Type"] = "application/json"
              }}
              local body = '{_BODY[0]}' .. reference .. '{_BODY[1]}'
              return wrk.format("POST", "/api/v1/orders", headers, body)
            end"""
        return Route(self.name, script, self._request)

    def _request(self, number: int) -> bytes:
        reference = f"{time.time_ns()}-{number}"
        body = f"{_BODY[0]}{reference}{_BODY[1]}"
        key = f"Idempotency-Key: {reference}\r\n" if self.keyed else ""
        head = (
            f"POST /api/v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\n{key}"
            f"Authorization: {self.tokens[number % len(self.tokens)]}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return (head + body).encode()


# A create before and after its reference.
_BODY = (
    '{"reference": "',
    '", "currency": "EUR", "note": null, "lines": ['
    '{"sku": "TEA-500", "quantity": 2, "unit_price": "12.50"}, '
    '{"sku": "CUP-1", "quantity": 1, "unit_price": "4.00"}]}',
)


def _lua(texts: list[str]) -> str:
    return "{" + ", ".join(f'"{text}"' for text in texts) + "}"


async def _pace(port: int, route: Route, rate: float, seconds: float) -> list[float]:
    latencies: list[float] = []
    count = int(rate * seconds)
    async with _connections(port) as free:
        began = time.perf_counter() + 0.05
        tasks = set()
        for number in range(count):
            due = began + number / rate
            if (early := due - time.perf_counter()) > 0:
                await asyncio.sleep(early)
            request = route.request(number)
            tasks.add(task := asyncio.create_task(_send(free, request, due, latencies)))
            task.add_done_callback(tasks.discard)
        await asyncio.gather(*tasks)
    if len(latencies) < count:
        raise RuntimeError(f"{count - len(latencies)} of {count} requests failed")
    return latencies


async def _send(free: _Pool, request: bytes, due: float, latencies: list[float]) -> None:
    reader, writer = await free.get()
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    assert length, head
    await reader.readexactly(int(length[1]))
    free.put_nowait((reader, writer))
    if head[9:10] == b"2":
        latencies.append(time.perf_counter() - due)


_Pool = asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]


@contextlib.asynccontextmanager
async def _connections(port: int) -> AsyncIterator[_Pool]:
    free: _Pool = asyncio.Queue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    try:
        yield free
    finally:
        while not free.empty():
            free.get_nowait()[1].close()
