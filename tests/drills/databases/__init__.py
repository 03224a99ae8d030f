"""The databases of the drills, seen from outside the service: made, asked, locked, killed.

A module with the name of the database has its class, and `create`. The proof of a row depends only
on the module of its own database.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tests.components.outages import Server
from tests.services import Service

Fact = TypeVar("Fact")


class Database(Protocol):
    """One database of a service. Ids are given as the API writes them."""

    @property
    def kind(self) -> str:
        """The answer to `database`."""

    @property
    def version(self) -> str:
        """The version and provenance of the server, like `15.18 real`."""

    @property
    def url(self) -> str:
        """The URL for a service in Python."""

    @property
    def server(self) -> Server | None:
        """The server that it is on; None if it is a file that the processes of the service read."""

    @property
    def note_taker(self) -> str:
        """A Python module for a service, with `take_note(session, subject, number)`."""

    def copy(self, name: str) -> Database:
        """A new database with the same schema and content."""

    def locked_for_writing(self) -> AbstractContextManager[None]:
        """Hold a lock that lets no service write an order."""

    def outage(self) -> AbstractContextManager[None]:
        """The database answers nobody until the end."""

    def hide_orders(self) -> None:
        """Rename the table of orders, so that each use of it is an unexpected error."""

    def make_jobs_due(self) -> None:
        """Each scheduled job is due at once."""

    def orders(self) -> dict[str, str]:
        """The ids of all orders by reference. Raises AssertionError if two have one reference."""

    def unconfirmed(self) -> int:
        """The number of orders that no worker has confirmed."""

    def audit_confirmations(self) -> None:
        """From now on, note every change of the status of an order.

        The witness knows nothing of the service's own bookkeeping.
        """

    def confirmations(self) -> list[str]:
        """The id of the order of each noted change to `confirmed`."""

    def prepare_notes(self) -> None:
        """Make room for what `take_note` writes."""

    def notes(self) -> list[tuple[str, int]]:
        """The subjects and numbers that were noted, in the order of their commits."""


def create(kind: str, name: str, folder: Path) -> Database:
    """An empty database. Its server, if it needs one, is started once a session."""
    module: Any = import_module(f"{__name__}.{kind}")
    database: Database = module.create(name, folder)
    return database


def assert_confirmed(service: Service, database: Database, seconds: float) -> None:
    """Wait until each order is confirmed. Without a queue, none ever is."""
    if service.has_queue:
        eventually(database.unconfirmed, 0, seconds)


def eventually(ask: Callable[[], Fact], expected: Fact, seconds: float) -> float:
    """Wait until `ask` gives the expected answer; gives the seconds it took."""
    began = time.monotonic()
    while (answer := ask()) != expected:
        late = time.monotonic() - began > seconds
        assert not late, f"{answer!r}, not {expected!r}, after {seconds} s"
        time.sleep(0.1)
    return time.monotonic() - began


def by_reference(rows: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Ids by reference, from pairs of both. Raises AssertionError if two have one reference."""
    found = {reference: as_id(id_) for reference, id_ in rows}
    assert len(found) == len(rows), "a reference has two orders"
    return found


def as_id(text: str) -> str:
    """An id as the API writes it: SQLite stores UUIDs without hyphens."""
    return str(uuid.UUID(text))
