"""What the database does with orders."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy import Engine, delete, event, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from app import clock
from app.database import Database
from app.ids import new_id
from app.orders import service as orders
from app.orders.models import Order, OrderLine
from tests import databases
from tests.orders.factories import ORDERS, line, new_order, place

Statement = tuple[str, Any]


@contextmanager
def statements() -> Iterator[list[Statement]]:
    """What the database is asked meanwhile."""
    asked: list[Statement] = []

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    yield asked
    event.remove(Engine, "before_cursor_execute", note)


async def fill(database: Database, count: int) -> None:
    """Copies the only order, each copy a minute older."""
    async with database.transaction() as session:
        [order] = (await session.execute(select(Order.__table__))).mappings().all()
        copies = [
            dict(order) | {"id": new_id(), "reference": f"R-{n}", "created_at": clock.now() - timedelta(minutes=n)}
            for n in range(1, count)
        ]
        await session.execute(insert(Order), copies)
        lines = [
            {"order_id": copy["id"], "position": 0, "sku": "TEA", "quantity": 1, "unit_price": 1} for copy in copies
        ]
        await session.execute(insert(OrderLine), lines)
    async with database.reading() as session:
        await (await session.connection()).exec_driver_sql("ANALYZE")


async def test_a_longer_list_asks_no_more_often(member: AsyncClient) -> None:
    await place(member)
    with statements() as short:
        await member.get(ORDERS)
    for _ in range(4):
        await place(member, lines=[line(), line()])
    with statements() as long:
        assert len((await member.get(ORDERS)).json()["data"]) == 5
    assert len(long) == len(short) == 2


async def test_no_request_reads_a_whole_table(database: Database, member: AsyncClient, admin: AsyncClient) -> None:
    path = (await place(member)).headers["Location"]
    await fill(database, 12_000)
    queries = ("status=placed", "status=cancelled", "reference=R-9", "created_after=2026-01-01T00:00Z")
    with statements() as asked:
        for client in (member, admin):
            await client.get(path)
            page = await client.get(ORDERS)
            await client.get(page.links["next"]["url"])
            for query in queries:
                assert (await client.get(f"{ORDERS}?{query}")).status_code == 200
    reads = [(statement, parameters) for statement, parameters in asked if "orders" in statement]
    assert len(reads) >= 14
    async with database.reading() as session:
        connection = await session.connection()
        for statement, parameters in reads:
            plan = await connection.exec_driver_sql(f"{databases.EXPLAIN} {statement}", parameters)
            steps = "\n".join(str(row) for row in plan)
            assert not re.search(databases.WHOLE_TABLE, steps), f"{statement}\n{parameters}\n{steps}"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE orders SET status = 'lost'",
        "UPDATE orders SET reference = 'same'",
        "UPDATE orders SET created_at = NULL",
        "UPDATE order_lines SET quantity = 0",
        "UPDATE order_lines SET quantity = 1001",
        "UPDATE order_lines SET unit_price = -1",
        "UPDATE order_lines SET position = 0",
    ],
)
async def test_the_database_itself_refuses_nonsense(database: Database, member: AsyncClient, change: str) -> None:
    await place(member, lines=[line(), line()])
    await place(member)
    with pytest.raises(IntegrityError):
        async with database.transaction() as session:
            await session.execute(text(change))


async def test_a_line_has_an_order(database: Database) -> None:
    with pytest.raises(IntegrityError):
        async with database.transaction() as session:
            session.add(OrderLine(order_id=new_id(), position=0, sku="TEA", quantity=1, unit_price=Decimal(1)))


async def test_lines_go_with_their_order(database: Database, member: AsyncClient) -> None:
    await place(member, lines=[line(), line()])
    async with database.transaction() as session:
        await session.execute(delete(Order))
        assert await session.scalar(select(func.count()).select_from(OrderLine)) == 0


async def test_a_failure_half_way_leaves_nothing(member: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    body, key = new_order(), {"Idempotency-Key": "k"}
    with monkeypatch.context() as broken:
        broken.delattr(orders, "publish")
        assert (await member.post(ORDERS, json=body, headers=key)).status_code == 500
    assert (await member.get(ORDERS)).json()["data"] == []
    again = await member.post(ORDERS, json=body, headers=key)
    assert again.status_code == 201
    assert "Idempotent-Replayed" not in again.headers
