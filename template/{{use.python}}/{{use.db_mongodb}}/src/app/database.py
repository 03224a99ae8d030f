"""The client, the sessions and the base class of all models. What is specific to the driver is in `dialect.py`."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Self, TypeVar
from uuid import UUID

import pymongo
from bson import ObjectId
from pydantic import BaseModel, ConfigDict, Field
from pymongo import ReturnDocument
from pymongo.asynchronous.client_session import AsyncClientSession
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import ConfigurationError, InvalidOperation, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.results import UpdateResult

from app import clock, dialect, metrics
from app.config import Settings
from app.dialect import Fields, Timestamp

DELETED_AT_ONCE = 1000
_ABORT_SECONDS = 1
_PAUSE_SECONDS = 0.02
_random = secrets.SystemRandom()

Result = TypeVar("Result")
Row = TypeVar("Row", bound="Document")


class Document(BaseModel):
    """A document of a collection. `_id` holds its `id_fields`; with several, it is a document itself."""

    model_config = ConfigDict(validate_default=True)

    collection: ClassVar[str]
    id_fields: ClassVar[tuple[str, ...]] = ("id",)
    parent: ClassVar[tuple[str, str] | None] = None
    """The field that holds the id of another document, and the collection of that one: they are deleted together."""

    @classmethod
    def stored_id(cls, *values: object) -> object:
        """The value of `_id` for the values of the `id_fields`."""
        return values[0] if len(values) == 1 else dict(zip(cls.id_fields, values, strict=True))

    @classmethod
    def load(cls, stored: Fields) -> Self:
        key = stored["_id"]
        return cls.model_validate(stored | (key if len(cls.id_fields) > 1 else {cls.id_fields[0]: key}))

    def dump(self) -> Fields:
        fields = self.model_dump()
        return {"_id": self.stored_id(*(fields.pop(name) for name in self.id_fields)), **fields}


class Entity(Document):
    """A document with an id of its own. A list of them is ordered by time."""

    id: UUID = Field(default_factory=clock.new_id)
    created_at: Timestamp = Field(default_factory=lambda: clock.now())


class Resource(Entity):
    """The fields of every resource.

    `version` is for optimistic locking: each change increments it, and a change of an outdated version fails.
    """

    updated_at: Timestamp = Field(default_factory=lambda: clock.now())
    version: int = 1


def models() -> dict[str, type[Document]]:
    """All models, by name."""
    return {model.__name__: model for model in _subclasses(Document) if hasattr(model, "collection")}


class Session:
    """Reads, or one transaction. Services and handlers pass it to repositories.

    A transaction sees the documents as they are at its first operation. If another transaction has changed a document
    since then, or changes it now, the first operation waits, and a later one fails.
    """

    def __init__(
        self,
        database: AsyncDatabase[Fields],
        client_session: AsyncClientSession | None = None,
        lock_timeout_seconds: float = 0,
    ) -> None:
        self.calls: list[Callable[[], Awaitable[None] | None]] = []
        self.channels: set[str] = set()
        self._database = database
        self.client_session = client_session
        self._lock_timeout_seconds = lock_timeout_seconds
        self._has_written = False

    def outside(self, model: type[Document]) -> AsyncCollection[Fields]:
        """The collection of a model, for operations that are not part of the transaction."""
        return self._database[model.collection]

    async def get(self, model: type[Row], *key: object) -> Row | None:
        return await self.find_one(model, {"_id": model.stored_id(*key)})

    async def find_one(self, model: type[Row], wanted: Fields) -> Row | None:
        found = await self._run(lambda session: self.outside(model).find_one(wanted, session=session))
        return None if found is None else model.load(found)

    async def find(
        self, model: type[Row], wanted: Fields, sort: Sequence[tuple[str, int]] = (), limit: int = 0
    ) -> list[Row]:
        def find(session: AsyncClientSession | None) -> Awaitable[list[Fields]]:
            return self.outside(model).find(wanted, sort=sort or None, limit=limit, session=session).to_list()

        return [model.load(each) for each in await self._run(find)]

    async def distinct(self, model: type[Document], field: str, wanted: Fields) -> list[Any]:
        """The different values of a field."""
        return await self._run(lambda session: self.outside(model).distinct(field, wanted, session=session))

    async def lock(self, model: type[Row], wanted: Fields, absent: Fields | None = None) -> Row | None:
        """A document, locked until the transaction ends. If there is none, store `absent`; without it, return None."""
        # A new value each time, because a change that changes nothing locks nothing.
        changes = {"$set": {"locked_by": ObjectId()}, **({"$setOnInsert": absent} if absent else {})}

        def lock(session: AsyncClientSession | None) -> Awaitable[Fields | None]:
            return self.outside(model).find_one_and_update(
                wanted, changes, upsert=bool(absent), return_document=ReturnDocument.AFTER, session=session
            )

        self._require_transaction()
        found = await self._run(lock, writes=True)
        return None if found is None else model.load(found)

    async def lock_all(self, model: type[Entity], wanted: Fields) -> set[UUID]:
        """The ids of documents, locked until the transaction ends."""

        def lock(session: AsyncClientSession | None) -> Awaitable[Any]:
            return self.outside(model).update_many(wanted, {"$set": {"locked_by": ObjectId()}}, session=session)

        self._require_transaction()
        await self._run(lock, writes=True)
        return {row.id for row in await self.find(model, wanted)}

    async def try_lock(self, model: type[Document], wanted: Fields, absent: Fields | None = None) -> bool:
        """Lock a document until the transaction ends, or store it with the fields `absent` if there is none.

        False if another transaction has locked or changed it since the first operation. Call it before any write.
        """
        changes = {"$set": {"locked_by": ObjectId()}, **({"$setOnInsert": absent} if absent else {})}
        return await self._try_update(model, wanted, changes, upsert=True) is not None

    async def try_update(self, model: type[Document], wanted: Fields, changes: Fields, **increments: int) -> bool:
        """Like `update` for one document. False if there is none, or if another transaction has changed it.

        Call it before any write.
        """
        result = await self._try_update(model, wanted, _operators(changes, increments))
        return result is not None and result.matched_count > 0

    async def insert(self, *rows: Document) -> None:
        for row in rows:
            await self._insert(row)

    async def upsert(self, model: type[Document], wanted: Fields, changes: Fields) -> bool:
        """Change one document, or store it if it is absent. True if it was absent. It is locked in both cases."""
        # Without a new value, a change that changes nothing would not wait for a transaction that deletes the document.
        operators = {**changes, "$set": {**changes.get("$set", {}), "locked_by": ObjectId()}}

        def upsert(session: AsyncClientSession | None) -> Awaitable[Any]:
            return self.outside(model).update_one(wanted, operators, upsert=True, session=session)

        return (await self._run(upsert, writes=True)).upserted_id is not None

    async def update(self, model: type[Document], wanted: Fields, changes: Fields, **increments: int) -> int:
        """Set fields of documents, and add to others. Returns the number of documents."""

        def update(session: AsyncClientSession | None) -> Awaitable[Any]:
            return self.outside(model).update_many(wanted, _operators(changes, increments), session=session)

        count: int = (await self._run(update, writes=True)).matched_count
        return count

    async def save(self, row: Resource) -> None:
        """Store a changed resource as its next version."""
        known = {"_id": row.id, "version": row.version}
        row.version += 1
        row.updated_at = dialect.in_milliseconds(clock.now())
        if not await self.update(type(row), known, row.dump()):
            raise PyMongoError("the document has changed since it was read")

    async def delete(self, model: type[Document], wanted: Fields) -> int:
        """Delete documents, and those whose parents they are. Returns the number of documents."""
        children = [child for child in models().values() if child.parent and child.parent[1] == model.collection]
        if children:
            ids = [getattr(row, model.id_fields[0]) for row in await self.find(model, wanted)]
            for child in children:
                assert child.parent
                await self.delete(child, {child.parent[0]: {"$in": ids}})

        def delete(session: AsyncClientSession | None) -> Awaitable[Any]:
            return self.outside(model).delete_many(wanted, session=session)

        count: int = (await self._run(delete, writes=True)).deleted_count
        return count

    async def commit(self) -> None:
        if self.client_session is None or not self.client_session.in_transaction:
            return
        deadline = time.monotonic() + self._lock_timeout_seconds
        while True:
            try:
                await self.client_session.commit_transaction()
            except PyMongoError as error:
                # To repeat a commit is safe.
                if not error.has_error_label("UnknownTransactionCommitResult") or time.monotonic() > deadline:
                    raise
            else:
                return

    async def rollback(self) -> None:
        self._has_written = False
        if self.client_session is not None and self.client_session.in_transaction:
            # Without an answer, the server aborts the transaction at the end of its lifetime.
            with pymongo.timeout(_ABORT_SECONDS):
                await self.client_session.abort_transaction()

    async def _try_update(
        self, model: type[Document], wanted: Fields, operators: Fields, *, upsert: bool = False
    ) -> UpdateResult | None:
        """Update a document. None after a conflict: the transaction then begins again at the next operation."""
        self._require_transaction()
        assert not self._has_written, "to begin again would lose the writes"
        await self._begin()
        try:
            result = await self.outside(model).update_one(wanted, operators, upsert=upsert, session=self.client_session)
        except OperationFailure as error:
            if not dialect.is_conflict(error):
                raise
            await self.rollback()
            return None
        self._has_written = True
        return result

    async def _begin(self) -> None:
        if self.client_session is not None and not self.client_session.in_transaction:
            await self.client_session.start_transaction(ReadConcern("snapshot"))

    def _require_transaction(self) -> None:
        if self.client_session is None:
            raise InvalidOperation("a lock needs a transaction")

    async def _insert(self, row: Document) -> None:
        def insert(session: AsyncClientSession | None) -> Awaitable[Any]:
            return self.outside(type(row)).insert_one(row.dump(), session=session)

        await self._run(insert, writes=True)

    async def _run(
        self, operation: Callable[[AsyncClientSession | None], Awaitable[Result]], *, writes: bool = False
    ) -> Result:
        """Run an operation in the transaction. After a conflict, begin the transaction again and repeat it.

        Without earlier writes, nothing is lost by that.
        """
        deadline = time.monotonic() + self._lock_timeout_seconds
        while True:
            await self._begin()
            try:
                result = await operation(self.client_session)
            except OperationFailure as error:
                if self._has_written or not dialect.is_conflict(error) or time.monotonic() > deadline:
                    raise
            else:
                self._has_written |= writes
                return result
            await self.rollback()
            await asyncio.sleep(_PAUSE_SECONDS * _random.random())


class Database:
    """Sessions that write in one transaction, and sessions that read. `async with` closes the client at the end."""

    def __init__(self, settings: Settings) -> None:
        self._connections = dialect.Connections()
        self.client = dialect.create_client(settings, self._connections)
        self._database = self.client.get_default_database(codec_options=dialect.CODEC)
        self._lock_timeout_seconds = settings.database_lock_timeout_seconds
        self._listeners: dict[str, list[Callable[[], None]]] = {}

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Session]:
        """A session in one transaction: committed at the end, rolled back on any error."""
        with metrics.database_transactions.time():
            async with self.client.start_session() as client_session:
                session = Session(self._database, client_session, self._lock_timeout_seconds)
                try:
                    yield session
                    await session.commit()
                finally:
                    await session.rollback()
        for call in session.calls:
            if (running := call()) is not None:
                await running
        for channel in session.channels & self._listeners.keys():
            for listener in self._listeners[channel]:
                listener()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Session]:
        """A session for reads, without the round trip of a commit.

        Each read sees its own snapshot: use one read to load data that must be consistent. It cannot lock.
        """
        with metrics.database_reads.time():
            yield Session(self._database)

    async def ping(self) -> None:
        """Raise an error if the database does not answer, was never migrated, or has no transactions."""
        try:
            with metrics.database_reads.time():
                migration = await self._database["migrations"].find_one()
        except OperationFailure as error:
            raise dialect.refusal(error) or error from None
        servers = self.client.topology_description.server_descriptions().values()
        if any(server.server_type_name == "Standalone" for server in servers):
            raise ConfigurationError("the server is not a member of a replica set, so it has no transactions")
        if migration is None:
            raise dialect.NotMigratedError

    def listen(self, channel: str, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit in this process that was marked with `notify(session, channel)`."""
        self._listeners.setdefault(channel, []).append(listener)

    def connections(self) -> dict[str, int]:
        """The number of pooled connections that are `in_use` and `idle`."""
        in_use = self._connections.in_use
        return {"in_use": in_use, "idle": self._connections.open - in_use}

    async def close(self) -> None:
        await self.client.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *failure: object) -> None:
        await self.close()


def after_commit(session: Session, call: Callable[[], Awaitable[None] | None]) -> None:
    """Call a function after the commit of the transaction, and await what it returns. A rollback drops the call."""
    session.calls.append(call)


def notify(session: Session, channel: str) -> None:
    """Notify the listeners of a channel after the transaction has been committed."""
    session.channels.add(channel)


async def delete_some(session: Session, model: type[Document], wanted: Fields) -> bool:
    """Delete up to `DELETED_AT_ONCE` documents, so that a transaction stays short. True if there may be more."""
    some = [row.dump()["_id"] for row in await session.find(model, wanted, limit=DELETED_AT_ONCE)]
    if some:
        await session.delete(model, {"_id": {"$in": some}})
    return len(some) == DELETED_AT_ONCE


def _operators(changes: Fields, increments: Mapping[str, int]) -> Fields:
    return {"$set": changes, **({"$inc": increments} if increments else {})}


def _subclasses(model: type[Document]) -> list[type[Document]]:
    return [each for child in model.__subclasses__() for each in (child, *_subclasses(child))]
