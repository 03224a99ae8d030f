"""What is stored about a user. A table belongs to a user by a foreign key to `users`."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from sqlalchemy import Column, Table, select
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.models import Grant, LoginSession, User
from app.database import Base

_SHOWN_ELSEWHERE = {Grant.__table__, LoginSession.__table__}
"""Roles are part of the user; sessions hold nothing but times."""


async def collect(session: AsyncSession, user_id: UUID) -> dict[str, list[dict[str, Any]]]:
    """The rows that belong to a user, and the rows that belong to those, by table."""
    data: dict[str, list[dict[str, Any]]] = {}
    for table, owner in _references(User.__table__):
        if table not in _SHOWN_ELSEWHERE:
            await _collect(session, table, owner, [user_id], data)
    return data


async def _collect(
    session: AsyncSession, table: Table, owner: Column[Any], owners: list[Any], data: dict[str, list[dict[str, Any]]]
) -> None:
    rows = (await session.execute(select(table).where(owner.in_(owners)))).mappings().all()
    data[table.name] = [dict(row) for row in rows]
    for child, parent in _references(table):
        await _collect(session, child, parent, [row["id"] for row in rows], data)


def _references(table: Any) -> Iterator[tuple[Table, Column[Any]]]:
    for candidate in Base.metadata.sorted_tables:
        for key in candidate.foreign_keys:
            if key.column.table is table:
                yield candidate, key.parent
