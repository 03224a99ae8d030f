"""The databases of the drills, seen from outside the service: made, asked, locked."""

from __future__ import annotations

import fcntl
import shutil
import sqlite3
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.components import MariaDB, PostgreSQL, ensure, wait_until
from tests.services import Service

Row = tuple[str, ...]
UNCONFIRMED = "SELECT count(*) FROM orders WHERE status <> 'confirmed'"

# Counts every statement that sets an order's status, however often an event was delivered:
# a witness that knows nothing of the service's own bookkeeping.
_AUDIT = {
    "sqlite": [
        "CREATE TABLE drill_audit (order_id TEXT, status TEXT)",
        """CREATE TRIGGER drill_audit AFTER UPDATE OF status ON orders
           BEGIN INSERT INTO drill_audit VALUES (NEW.id, NEW.status); END""",
    ],
    "postgresql": [
        "CREATE TABLE drill_audit (order_id text, status text)",
        """CREATE FUNCTION drill_audit() RETURNS trigger LANGUAGE plpgsql AS
           'BEGIN INSERT INTO drill_audit VALUES (NEW.id, NEW.status); RETURN NEW; END'""",
        """CREATE TRIGGER drill_audit AFTER UPDATE OF status ON orders
           FOR EACH ROW EXECUTE FUNCTION drill_audit()""",
    ],
    # MySQL has no triggers for a column. The drills change nothing of an order but its status.
    "mysql": [
        "CREATE TABLE drill_audit (order_id text, status text)",
        """CREATE TRIGGER drill_audit AFTER UPDATE ON orders
           FOR EACH ROW INSERT INTO drill_audit VALUES (NEW.id, NEW.status)""",
    ],
}


@dataclass
class Sqlite:
    """A database file."""

    path: Path
    kind = "sqlite"

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


@dataclass
class Postgres:
    """One database of the session's server."""

    server: PostgreSQL
    name: str
    kind = "postgresql"

    @property
    def version(self) -> str:
        """The version and provenance of the server."""
        return f"{self.server.version} {self.server.provenance}"

    @property
    def url(self) -> str:
        """The URL for the service."""
        return self.server.database_url(self.name, "asyncpg")

    def copy(self, name: str) -> Postgres:
        """A new database from this one as its template."""
        self.server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self.name}"')
        return Postgres(self.server, name)

    def query(self, statement: str) -> list[Row]:
        """Run one statement through psql."""
        lines = self.server.execute(statement, self.name).splitlines()
        return [tuple(line.split("|")) for line in lines]

    @contextmanager
    def locked_for_writing(self) -> Iterator[None]:
        """Hold a lock on the table of orders that lets nobody read or write it."""
        command = self.server.psql(self.name)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as psql:
            assert psql.stdin
            psql.stdin.write(b"BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE;\n")
            psql.stdin.flush()
            held = "SELECT 1 FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted"
            wait_until(lambda: bool(self.query(held)), 10, "the table could not be locked")
            yield
            psql.stdin.close()

    @contextmanager
    def outage(self) -> Iterator[None]:
        """The server is stopped, breaking every connection, and started again at the end."""
        self.server.stop()
        try:
            yield
        finally:
            self.server.start()


@dataclass
class MySQL:
    """One database of the session's server, which is a MariaDB."""

    server: MariaDB
    name: str
    kind = "mysql"

    @property
    def version(self) -> str:
        """The name, version and provenance of the server."""
        return f"MariaDB {self.server.version} {self.server.provenance}"

    @property
    def url(self) -> str:
        """The URL for the service."""
        return self.server.database_url(self.name, "asyncmy")

    def copy(self, name: str) -> MySQL:
        """A new database with the tables and rows of this one."""
        self.server.copy_database(self.name, name)
        return MySQL(self.server, name)

    def query(self, statement: str) -> list[Row]:
        """Run one statement through the client."""
        lines = self.server.execute(statement, self.name).splitlines()
        return [tuple(line.split("\t")) for line in lines]

    @contextmanager
    def locked_for_writing(self) -> Iterator[None]:
        """Hold a lock on the table of orders that lets nobody read or write it."""
        command = self.server.client(self.name)
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as client:
            assert client.stdin
            assert client.stdout
            client.stdin.write(b"LOCK TABLES orders WRITE; SELECT 'locked';\n")
            client.stdin.flush()
            assert client.stdout.readline() == b"locked\n"
            yield
            client.stdin.close()

    @contextmanager
    def outage(self) -> Iterator[None]:
        """The server is stopped, breaking every connection, and started again at the end."""
        self.server.stop()
        try:
            yield
        finally:
            self.server.start()


Database = Sqlite | Postgres | MySQL


def on_server(kind: str, name: str) -> Postgres | MySQL:
    """An empty database on the server of the session, which is started if it does not run yet."""
    server = ensure("mariadb") if kind == "mysql" else ensure("postgresql")
    server.create_database(name)
    return MySQL(server, name) if isinstance(server, MariaDB) else Postgres(server, name)


def audit_confirmations(database: Database) -> None:
    """From now on, note every statement that sets the status of an order."""
    for statement in _AUDIT[database.kind]:
        database.query(statement)


def as_id(text: str) -> str:
    """An id as the API writes it: SQLite stores UUIDs without hyphens."""
    return str(uuid.UUID(text))


def assert_confirmed(service: Service, database: Database, seconds: float) -> None:
    """Wait until each order is confirmed. Without a queue, none ever is."""
    if service.has_queue:
        eventually(database, UNCONFIRMED, [("0",)], seconds)


def eventually(database: Database, statement: str, expected: list[Row], seconds: float) -> float:
    """Wait until a query gives exactly these rows; gives the seconds it took."""
    began = time.monotonic()
    while (rows := database.query(statement)) != expected:
        assert time.monotonic() - began < seconds, f"{statement}: {rows} after {seconds} s"
        time.sleep(0.1)
    return time.monotonic() - began
