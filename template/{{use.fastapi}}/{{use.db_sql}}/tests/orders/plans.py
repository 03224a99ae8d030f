"""How the database executes the queries of orders."""

import re
from datetime import timedelta
from typing import Any

from sqlalchemy import insert, select

from app import clock
from app.clock import new_id
from app.database import Database
from app.orders.models import Order, OrderLine
from tests import databases


async def fill(database: Database, count: int) -> None:
    """Insert copies of the only order and its line. Each copy is a minute older."""
    async with database.transaction() as session:
        [only_order] = (await session.execute(select(Order.__table__))).mappings().all()
        [only_line] = (await session.execute(select(OrderLine.__table__))).mappings().all()
        ages = [(n, {"id": new_id(), "created_at": clock.now() - timedelta(minutes=n)}) for n in range(1, count)]
        await session.execute(insert(Order), [dict(only_order) | age | {"reference": f"R-{n}"} for n, age in ages])
        await session.execute(insert(OrderLine), [dict(only_line) | {"order_id": age["id"]} for _, age in ages])
    async with database.reading() as session:
        connection = await session.connection()
        for model in (Order, OrderLine):
            await connection.exec_driver_sql(f"{databases.ANALYZE} {model.__tablename__}")


async def reads_everything(database: Database, executed: tuple[str, Any]) -> bool:
    """Whether a statement with its parameters reads all rows of a table."""
    statement, parameters = executed
    async with database.reading() as session:
        connection = await session.connection()
        plan = await connection.exec_driver_sql(f"{databases.EXPLAIN} {statement}", parameters)
        return bool(re.search(databases.WHOLE_TABLE, "\n".join(str(row) for row in plan)))
