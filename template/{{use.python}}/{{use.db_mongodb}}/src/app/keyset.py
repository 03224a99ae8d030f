"""Keyset pagination in MongoDB. An index finds the first document of each page, so late pages are as fast, too."""

from typing import TypeVar

from app.database import Entity, Session
from app.dialect import Fields
from app.pagination import Cursor, PageQuery, Slice

Row = TypeVar("Row", bound=Entity)


async def newest_first(session: Session, model: type[Row], wanted: Fields, query: PageQuery) -> Slice[Row]:
    """One page of the documents that a filter finds. The collection needs an index on `created_at` and `_id`.

    Raises: invalid_cursor
    """
    if after := query.after:
        # The first condition alone is the range of the index. The second one only skips documents of the same time.
        same_time = {"created_at": after.created_at, "_id": {"$gte": after.id}}
        until = {**wanted.get("created_at", {}), "$lte": after.created_at}
        wanted = {**wanted, "created_at": until, "$nor": [same_time]}
    found = await session.find(model, wanted, [("created_at", -1), ("_id", -1)], query.limit + 1)
    rows = found[: query.limit]
    if len(found) <= query.limit:
        return Slice(rows, None)
    return Slice(rows, Cursor(rows[-1].created_at, rows[-1].id))
