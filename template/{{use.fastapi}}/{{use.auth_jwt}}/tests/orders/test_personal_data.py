"""Orders are personal data: their owner gets them all, and takes them along."""

from typing import Any

from httpx2 import AsyncClient
from sqlalchemy import select

from app.database import Base, Database
from tests.orders.factories import ORDERS, new_order, place


async def test_the_export_holds_ones_orders_with_their_lines_and_nobody_elses(
    member: AsyncClient, admin: AsyncClient
) -> None:
    mine = (await place(member)).json()
    await place(admin)
    data: dict[str, Any] = (await member.get("/api/v1/users/me/export")).json()["data"]
    assert [order["id"] for order in data["orders"]] == [mine["id"]]
    assert [(line["order_id"], line["sku"]) for line in data["order_lines"]] == [(mine["id"], "TEA-500")]


async def test_erasure_leaves_no_trace_of_ones_orders(
    member: AsyncClient, admin: AsyncClient, database: Database
) -> None:
    note = "Ring at the house of Ada"
    await member.post(ORDERS, json=new_order(note=note), headers={"Idempotency-Key": "mine"})
    theirs = (await place(admin)).json()
    assert await _tables_with(note, database) >= {"orders"}
    assert (await member.delete("/api/v1/users/me")).status_code == 204
    assert await _tables_with(note, database) == set()
    assert (await admin.get(ORDERS)).json()["data"] == [theirs]


async def _tables_with(text: str, database: Database) -> set[str]:
    async with database.reading() as session:
        rows = [(table.name, (await session.execute(select(table))).all()) for table in Base.metadata.sorted_tables]
    return {name for name, found in rows if text in str(found)}
