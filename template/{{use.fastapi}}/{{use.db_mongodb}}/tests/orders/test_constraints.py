"""The database refuses invalid orders, whatever the code does."""

from typing import Any

import pytest
from httpx2 import AsyncClient
from pymongo.errors import WriteError

from app.database import Database
from app.orders.models import Order
from tests.orders.factories import line, place


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "lost"},
        {"reference": "same"},
        {"lines.0.quantity": 0},
        {"lines.0.unit_price": 1.5},
        {"lines": []},
        {"created_at": "yesterday"},
    ],
)
async def test_the_database_refuses_invalid_documents(
    database: Database, member: AsyncClient, changes: dict[str, Any]
) -> None:
    await place(member, lines=[line(), line()])
    await place(member)

    with pytest.raises(WriteError):
        async with database.transaction() as session:
            await session.update(Order, {}, changes)
