"""How the database executes the queries of orders."""

from datetime import timedelta
from typing import Any

from app import clock, dialect
from app.clock import new_id
from app.database import Database
from app.orders.models import Order

_PASSED = ("lsid", "$clusterTime", "$db", "txnNumber")


async def fill(database: Database, count: int) -> None:
    """Insert copies of the only order. Each copy is a minute older."""
    async with database.reading() as session:
        [order] = await session.find(Order, {})
        ages = [(n, {"id": new_id(), "created_at": clock.now() - timedelta(minutes=n)}) for n in range(1, count)]
        copies = [order.model_copy(update=age | {"reference": f"R-{n}"}).dump() for n, age in ages]
        for start in range(0, len(copies), 1000):  # so that each insert takes less than a timeout
            await session.outside(Order).insert_many(copies[start : start + 1000])


async def reads_everything(database: Database, executed: dict[str, Any]) -> bool:
    """Whether a command reads all documents of a collection."""
    command = {name: value for name, value in executed.items() if name not in _PASSED}
    # MongoDB needs an index for one of the conditions. A compatible server may only plan with one that is for all.
    conditions = [{name: value} for name, value in command["filter"].items()] or [{}]
    return all([await _scans(database, command | {"filter": condition}) for condition in conditions])


async def _scans(database: Database, command: dict[str, Any]) -> bool:
    async with database.reading() as session:
        server = session.outside(Order).database
        explained = await server.command("explain", command, verbosity="queryPlanner", codec_options=dialect.CODEC)
    return "COLLSCAN" in str(explained["queryPlanner"]["winningPlan"])
