"""SQLite in the drills."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.drills.databases.sql import Row, SqlDatabase


@dataclass
class Sqlite(SqlDatabase):
    """A database file."""

    path: Path
    kind = "sqlite"
    server = None
    audit = (
        "CREATE TABLE drill_audit (order_id TEXT, status TEXT)",
        """CREATE TRIGGER drill_audit AFTER UPDATE OF status ON orders
           BEGIN INSERT INTO drill_audit VALUES (NEW.id, NEW.status); END""",
    )
    notes_table = (
        "CREATE TABLE drill_notes"
        " (place INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT, number INTEGER)"
    )

    @property
    def version(self) -> str:
        """The version and provenance of the library."""
        return f"{sqlite3.sqlite_version} real"

    @property
    def url(self) -> str:
        """The URL for the service."""
        return f"sqlite+aiosqlite:///{self.path}"

    def copy(self, name: str) -> Sqlite:
        """A copy of the file beside it."""
        self.query("PRAGMA wal_checkpoint(TRUNCATE)")
        return Sqlite(Path(shutil.copy(self.path, self.path.with_name(f"{name}.db"))))

    def query(self, statement: str) -> list[Row]:
        """Run one statement; waits up to 30 s for a writer."""
        with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as connection:
            rows = connection.execute(statement).fetchall()
        return [tuple(str(value) for value in row) for row in rows]

    @contextmanager
    def locked_for_writing(self) -> Iterator[None]:
        """Hold the one write lock that the file has."""
        with closing(sqlite3.connect(self.path, timeout=30, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    @contextmanager
    def outage(self) -> Iterator[None]:
        """Nobody can read or write: another process holds every lock of the write-ahead log."""
        with self.path.with_name(f"{self.path.name}-shm").open("r+b") as log_index:
            first, count = 120, 8  # the bytes that SQLite locks, see its "WAL-mode file format"
            fcntl.lockf(log_index, fcntl.LOCK_EX, count, first)
            yield


def create(name: str, folder: Path) -> Sqlite:
    """The database of a file in the folder, which does not exist yet."""
    return Sqlite(folder / f"{name}.db")
