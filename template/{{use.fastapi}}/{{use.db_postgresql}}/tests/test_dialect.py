"""What is particular to PostgreSQL."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.dialect import is_outage
from tests.conftest import Start


async def test_the_server_cancels_a_statement_that_takes_too_long(start: Start) -> None:
    service = await start(database_statement_timeout_seconds=0.1)
    with pytest.raises(DBAPIError, match="statement timeout") as cancelled:
        async with service.state.database.reading() as session:
            await session.execute(text("SELECT pg_sleep(5)"))
    assert is_outage(cancelled.value)
