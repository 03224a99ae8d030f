"""MongoDB in the drills. The server is a compatible one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pymongo.database import Database

from tests.components import ensure
from tests.components.mongodb import MongoDB
from tests.components.outages import stopped
from tests.drills.databases import by_reference


@dataclass
class Mongo:
    """One database of the session's server."""

    server: MongoDB
    name: str
    kind = "mongodb"
    note_taker = '''\
"""Notes what a handler of the drill has handled."""

from app.database import Document
from app.messaging.models import microseconds
from app.clock import new_id, now
from uuid import UUID
from pydantic import Field


class Note(Document):
    collection = "drill_notes"

    id: UUID = Field(default_factory=new_id)
    subject: str
    number: int
    place: int = Field(default_factory=lambda: microseconds(now()))


async def take_note(session, subject, number):
    await session.insert(Note(subject=subject, number=number))
'''

    @property
    def version(self) -> str:
        """The name, version and provenance of the server."""
        return f"SecantusDB as {self.server.version} {self.server.provenance}"

    @property
    def url(self) -> str:
        """The URL for the service."""
        return self.server.database_url(self.name)

    def copy(self, name: str) -> Mongo:
        """A new database with the collections and documents of this one."""
        self.server.copy_database(self.name, name)
        return Mongo(self.server, name)

    @contextmanager
    def locked_for_writing(self) -> Iterator[None]:
        """Suspend the server, because MongoDB has no lock of a whole collection."""
        self.server.suspend()
        try:
            yield
        finally:
            self.server.resume()

    def outage(self) -> AbstractContextManager[None]:
        """The server is stopped, breaking every connection, and started again at the end."""
        return stopped(self.server)

    def hide_orders(self) -> None:
        """Let the collection refuse each order, and hold something else for each owner."""
        owners = ["", *(str(user["_id"]) for user in self._database["users"].find())]
        wrong = [{"owner": owner, "created_at": datetime.now(UTC)} for owner in owners]
        self._database["orders"].insert_many(wrong, bypass_document_validation=True)
        self._database.command("collMod", "orders", validator={"moved_away": True})

    def make_jobs_due(self) -> None:
        """Each scheduled job is due at once."""
        self._database["scheduled_jobs"].delete_many({})

    def orders(self) -> dict[str, str]:
        """The ids of all orders by reference."""
        found = self._database["orders"].find({}, {"reference": 1})
        return by_reference([(order["reference"], str(order["_id"])) for order in found])

    def unconfirmed(self) -> int:
        """The number of orders that no worker has confirmed."""
        return self._database["orders"].count_documents({"status": {"$ne": "confirmed"}})

    def audit_confirmations(self) -> None:
        """Nothing to do: each change of a status makes a new version of the order."""

    def confirmations(self) -> list[str]:
        """The id of the order of each change that confirmed one.

        An order is placed as version 1, so version 2 was confirmed once, and version 3 twice.
        """
        found = self._database["orders"].find({"status": "confirmed"}, {"version": 1})
        return [str(order["_id"]) for order in found for _ in range(order["version"] - 1)]

    def prepare_notes(self) -> None:
        """Make the collection of notes."""
        self._database.create_collection("drill_notes")

    def notes(self) -> list[tuple[str, int]]:
        """The subjects and numbers that were noted, in order."""
        found = self._database["drill_notes"].find().sort("place")
        return [(note["subject"], note["number"]) for note in found]

    @property
    def _database(self) -> Database[dict[str, Any]]:
        return self.server.client[self.name]


def create(name: str, folder: Path) -> Mongo:
    """An empty database on the server of the session."""
    mongodb = ensure(MongoDB)
    mongodb.client.drop_database(name)
    return Mongo(mongodb, name)
