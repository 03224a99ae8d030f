"""What the database holds. Tests read and change it without the repositories."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, TypeVar

from pymongo import monitoring

from app.database import Database, Document, Session, models

Row = TypeVar("Row", bound=Document)


def url_of(database: Database) -> str:
    [(host, port)] = database.client.topology_description.server_descriptions()
    name = database.client.get_default_database().name
    return f"mongodb://{host}:{port}/{name}?directConnection=true"


async def add(session: Session, *rows: Document) -> None:
    await session.insert(*rows)


async def find(session: Session, model: type[Row], key: object) -> Row | None:
    return await session.get(model, key)


async def all_of(session: Session, model: type[Row]) -> Sequence[Row]:
    """All documents of a model, by `_id`."""
    return await session.find(model, {}, [("_id", 1)])


async def change(session: Session, row: Document, **changes: object) -> None:
    """Change one document."""
    await session.update(type(row), {"_id": row.dump()["_id"]}, changes)


async def change_all(session: Session, model: type[Document], **changes: object) -> None:
    """Change all documents of a model."""
    await session.update(model, {}, changes)


async def delete(session: Session, row: Document) -> None:
    await session.delete(type(row), {"_id": row.dump()["_id"]})


async def count_rows(database: Database) -> dict[str, int]:
    """The number of documents of each collection."""
    async with database.reading() as session:
        return {model.collection: await session.outside(model).count_documents({}) for model in models().values()}


async def tables_with(database: Database, *texts: str) -> set[str]:
    """The collections in which any document holds one of these texts."""
    async with database.reading() as session:
        found = {model.collection: await session.outside(model).find().to_list() for model in models().values()}
    return {name for name, documents in found.items() if any(text in str(documents) for text in texts)}


@asynccontextmanager
async def only_connections_held(database: Database) -> AsyncIterator[None]:
    """Hold the connection of a database whose pool has only one."""
    watched = database.client.get_default_database()
    async with await watched.watch(max_await_time_ms=60_000) as stream:
        waiting = asyncio.create_task(stream.next())
        while not database.connections()["in_use"]:  # noqa: ASYNC110  # the driver has no event for it
            await asyncio.sleep(0.01)
        yield
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting


class _Commands(monitoring.CommandListener):
    """Collects the commands of all clients that read some collections."""

    def __init__(self) -> None:
        self.collections: tuple[str, ...] = ()
        self.executed: list[dict[str, Any]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        if event.command.get(event.command_name) in self.collections and event.command_name in ("find", "aggregate"):
            self.executed.append(dict(event.command))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None: ...
    def failed(self, event: monitoring.CommandFailedEvent) -> None: ...


# A client takes its listeners when it is made, so this one must be there before the first client.
_commands = _Commands()
monitoring.register(_commands)


@contextmanager
def reads(*collections: str) -> Iterator[list[dict[str, Any]]]:
    """Collects the commands that read these collections."""
    _commands.collections, _commands.executed = collections, []
    yield _commands.executed
    _commands.collections = ()


def refuse_locks(database: Database) -> None:
    """Do nothing: a session without a transaction refuses to lock."""
