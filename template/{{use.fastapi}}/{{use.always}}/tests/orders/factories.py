"""Helpers that build and place orders."""

from typing import Any
from uuid import uuid4

from httpx2 import AsyncClient, Response

ORDERS = "/api/v1/orders"


def line(**changes: Any) -> dict[str, Any]:
    return {"sku": "TEA-500", "quantity": 2, "unit_price": "12.50"} | changes


def new_order(**changes: Any) -> dict[str, Any]:
    """The body of a create, with a unique reference."""
    return {"reference": uuid4().hex, "currency": "EUR", "lines": [line()], "note": "Ring twice"} | changes


async def place(client: AsyncClient, **changes: Any) -> Response:
    answer = await client.post(ORDERS, json=new_order(**changes))
    assert answer.status_code == 201, answer.text
    return answer
