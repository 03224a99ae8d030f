"""The database refuses invalid orders, whatever the code does."""

from typing import Any

import pytest
from httpx2 import AsyncClient
from sqlalchemy.exc import IntegrityError

from app.clock import new_id
from app.database import Base, Database
from tests.orders.factories import line, place


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("orders", {"status": "lost"}),
        ("orders", {"reference": "same"}),
        ("order_lines", {"quantity": 0}),
        ("order_lines", {"unit_price": -1}),
        ("order_lines", {"position": 0}),
        ("order_lines", {"order_id": new_id()}),
    ],
)
async def test_the_database_refuses_invalid_rows(
    database: Database, member: AsyncClient, table: str, values: dict[str, Any]
) -> None:
    await place(member, lines=[line(), line()])
    await place(member)

    with pytest.raises(IntegrityError):
        async with database.transaction() as session:
            await session.execute(Base.metadata.tables[table].update().values(values))
