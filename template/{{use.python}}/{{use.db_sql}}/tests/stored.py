"""What the database holds. Tests read and change it without the repositories."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Engine, event, func, inspect, select, update

from app.database import Base, Database, Session

Row = TypeVar("Row", bound=Base)


def url_of(database: Database) -> str:
    return database.writer.url.render_as_string(hide_password=False)


async def add(session: Session, *rows: Base) -> None:
    session.add_all(rows)
    await session.flush()


async def find(session: Session, model: type[Row], key: object) -> Row | None:
    return await session.get(model, key)


async def all_of(session: Session, model: type[Row]) -> Sequence[Row]:
    """All rows of a model, by primary key."""
    return (await session.scalars(select(model).order_by(*inspect(model).primary_key))).unique().all()


async def change_all(session: Session, model: type[Base], **changes: object) -> None:
    """Change all rows of a model."""
    await session.execute(update(model).values(changes))


async def delete(session: Session, row: Base) -> None:
    await session.delete(row)


async def count_rows(database: Database) -> dict[str, int]:
    """The number of rows of each table."""
    async with database.reading() as session:
        counts = {each.name: select(func.count()).select_from(each) for each in Base.metadata.sorted_tables}
        return {name: await session.scalar(count) or 0 for name, count in counts.items()}


async def tables_with(database: Database, *texts: str) -> set[str]:
    """The tables in which any row holds one of these texts."""
    async with database.reading() as session:
        rows = {table.name: (await session.execute(select(table))).all() for table in Base.metadata.sorted_tables}
    return {name for name, found in rows.items() if any(text in str(found) for text in texts)}


async def hold_connection(session: Session) -> None:
    """Take a connection out of the pool. The session returns it at its end."""
    await session.connection()


@contextmanager
def reads(*tables: str) -> Iterator[list[tuple[str, Any]]]:
    """Collects the statements that read these tables, with their parameters."""
    reading = re.compile(rf"\bFROM ({'|'.join(tables)})\b")
    executed: list[tuple[str, Any]] = []

    def collect(*arguments: Any) -> None:
        if reading.search(arguments[2]):
            executed.append(arguments[2:4])

    event.listen(Engine, "before_cursor_execute", collect)
    yield executed
    event.remove(Engine, "before_cursor_execute", collect)


def refuse_locks(database: Database) -> None:
    """Fail on a statement that would lock rows outside of a transaction, where the lock ends with the statement."""

    def refuse(*arguments: Any) -> None:
        assert "FOR UPDATE" not in arguments[2], arguments[2]

    event.listen(database.reader.sync_engine, "before_cursor_execute", refuse)
