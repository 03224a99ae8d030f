"""What the drills ask of every SQL database."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Self

from tests.drills.databases import as_id, by_reference

Row = tuple[str, ...]


class SqlDatabase(ABC):
    """A database that answers SQL statements."""

    kind: ClassVar[str]
    """The answer to `database`."""
    server: Any
    """Its component; None if it needs none."""
    audit: ClassVar[tuple[str, ...]]
    """Statements that make the table `drill_audit`, and a trigger that fills it."""
    notes_table: ClassVar[str]
    """The statement that makes the table `drill_notes`; `place` grows with each row."""

    note_taker = '''\
"""Notes what a handler of the drill has handled."""

from sqlalchemy import text

NOTE = text("INSERT INTO drill_notes (subject, number) VALUES (:subject, :number)")


async def take_note(session, subject, number):
    await session.execute(NOTE, {"subject": subject, "number": number})
'''

    @property
    @abstractmethod
    def url(self) -> str:
        """The URL for the service."""

    @abstractmethod
    def copy(self, name: str) -> Self:
        """A new database with the same schema and content."""

    @abstractmethod
    def query(self, statement: str) -> list[Row]:
        """Run one statement; gives its rows as text."""

    def hide_orders(self) -> None:
        """Rename the table of orders."""
        self.query("ALTER TABLE orders RENAME TO moved_away")

    def make_jobs_due(self) -> None:
        """Each scheduled job is due at once."""
        self.query("UPDATE scheduled_jobs SET due_at = '2000-01-01 00:00:00'")

    def orders(self) -> dict[str, str]:
        """The ids of all orders by reference."""
        rows = self.query("SELECT reference, id FROM orders")
        return by_reference([(reference, id_) for reference, id_ in rows])

    def unconfirmed(self) -> int:
        """The number of orders that no worker has confirmed."""
        return int(self.query("SELECT count(*) FROM orders WHERE status <> 'confirmed'")[0][0])

    def audit_confirmations(self) -> None:
        """From now on, a trigger counts every statement that sets the status of an order."""
        for statement in self.audit:
            self.query(statement)

    def confirmations(self) -> list[str]:
        """The id of the order of each statement that confirmed one."""
        rows = self.query("SELECT order_id FROM drill_audit WHERE status = 'confirmed'")
        return [as_id(id_) for (id_,) in rows]

    def prepare_notes(self) -> None:
        """Make the table of notes."""
        self.query(self.notes_table)

    def notes(self) -> list[tuple[str, int]]:
        """The subjects and numbers that were noted, in order."""
        rows = self.query("SELECT subject, number FROM drill_notes ORDER BY place")
        return [(subject, int(number)) for subject, number in rows]
