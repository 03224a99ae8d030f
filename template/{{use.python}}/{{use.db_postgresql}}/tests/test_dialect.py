"""What is particular to PostgreSQL."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.database import Database
from app.dialect import is_outage
from tests.conftest import Start


async def test_the_server_cancels_a_statement_that_takes_too_long(start: Start) -> None:
    service = await start(database_statement_timeout_seconds=0.1)
    with pytest.raises(DBAPIError, match="statement timeout") as cancelled:
        async with service.state.database.reading() as session:
            await session.execute(text("SELECT pg_sleep(5)"))
    assert is_outage(cancelled.value)


async def test_a_server_that_only_reads_is_out_of_order(database: Database) -> None:
    with pytest.raises(DBAPIError, match="read-only") as refused:
        async with database.transaction() as session:
            await session.execute(text("SET TRANSACTION READ ONLY"))
            await session.execute(text("CREATE TABLE nothing ()"))
    assert is_outage(refused.value)
