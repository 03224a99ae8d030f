"""Keyset pagination in SQL. An index finds the first row of each page, so late pages are as fast as early ones."""

from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute

from app import dialect
from app.database import Session
from app.pagination import Cursor, PageQuery, Slice

Row = TypeVar("Row", bound=Any)


async def newest_first(
    session: Session,
    statement: Select[Row],
    query: PageQuery,
    created_at: InstrumentedAttribute[datetime],
    row_id: InstrumentedAttribute[UUID],
) -> Slice[Row]:
    """One page of the rows that a statement selects. The table needs an index on both columns.

    Raises: invalid_cursor
    """
    after = query.after
    if after is not None:
        statement = statement.where(dialect.is_less((created_at, row_id), after))
    statement = statement.order_by(created_at.desc(), row_id.desc()).limit(query.limit + 1)
    found = (await session.scalars(statement)).unique().all()
    rows = found[: query.limit]
    if len(found) <= query.limit:
        return Slice(rows, None)
    return Slice(rows, Cursor(rows[-1].created_at, rows[-1].id))
