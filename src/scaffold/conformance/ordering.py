"""Creates, reads and changes orders for the checks."""

from __future__ import annotations

import asyncio
import secrets
import time
from typing import Any

from scaffold.conformance import expect
from scaffold.conformance.discovery import ORDERS
from scaffold.conformance.service import Account, Answer, Service


def draft(**changes: Any) -> dict[str, Any]:
    """The body of a valid order with a unique reference; `changes` replace members."""
    order = {
        "reference": f"verify-{secrets.token_hex(8)}",
        "currency": "EUR",
        "lines": [
            {"sku": "tea", "quantity": 3, "unit_price": "4.35"},
            {"sku": "cup", "quantity": 1, "unit_price": "0.10"},
        ],
        "note": None,
    }
    return order | changes


def line(**changes: Any) -> dict[str, Any]:
    """One valid line of an order; `changes` replace members."""
    return {"sku": "tea", "quantity": 1, "unit_price": "1.00"} | changes


POLL = 0.03
"""Seconds between two looks at an order that is to be confirmed."""


async def place(service: Service, by: Account, **changes: Any) -> Answer:
    """Create an order. Returns the answer, which must be 201."""
    return expect.status(await service.post(ORDERS, by, json=draft(**changes)), 201)


async def settled(service: Service, by: Account, **changes: Any) -> Answer:
    """A new order, read after its event was handled: only the caller changes it from now on."""
    placed = await place(service, by, **changes)
    return await confirmed(service, by, path_of(placed))


async def confirmed(service: Service, by: Account, path: str) -> Answer:
    """The order at `path`, when it is no longer `placed` or the waiting time is over."""
    deadline = time.monotonic() + (service.options.settle if service.settles else 0)
    while True:
        answer = expect.status(await service.get(path, by), 200)
        if answer.json().get("status") != "placed":
            return answer
        if time.monotonic() > deadline:
            # Nothing confirms orders here. One check reports it, the others need not wait.
            service.settles = False
            return answer
        await asyncio.sleep(POLL)


async def change(service: Service, by: Account, order: Answer, **changes: Any) -> Answer:
    """Send a PATCH with the version of an order that was read."""
    return await service.request("PATCH", order.path, by, json=changes, headers=if_match(order))


async def cancel(service: Service, by: Account, order: Answer) -> Answer:
    """Cancel an order with the version that was read."""
    return await service.post(f"{order.path}/cancellation", by, headers=if_match(order))


def if_match(order: Answer) -> dict[str, str]:
    """The If-Match header for the version that was read."""
    return {"If-Match": expect.header(order, "ETag")}


def path_of(placed: Answer) -> str:
    """The path of an order."""
    return f"{ORDERS}/{expect.member(placed, 'id', str)}"
