"""PostgreSQL in the drills."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.components import ensure, wait_until
from tests.components.outages import stopped
from tests.components.postgresql import PostgreSQL
from tests.drills.databases.sql import Row, SqlDatabase


@dataclass
class Postgres(SqlDatabase):
    """One database of the session's server."""

    server: PostgreSQL
    name: str
    kind = "postgresql"
    audit = (
        "CREATE TABLE drill_audit (order_id text, status text)",
        """CREATE FUNCTION drill_audit() RETURNS trigger LANGUAGE plpgsql AS
           'BEGIN INSERT INTO drill_audit VALUES (NEW.id, NEW.status); RETURN NEW; END'""",
        """CREATE TRIGGER drill_audit AFTER UPDATE OF status ON orders
           FOR EACH ROW EXECUTE FUNCTION drill_audit()""",
    )
    notes_table = (
        "CREATE TABLE drill_notes (place bigserial PRIMARY KEY, subject text, number integer)"
    )

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

    def outage(self) -> AbstractContextManager[None]:
        """The server is stopped, breaking every connection, and started again at the end."""
        return stopped(self.server)


def create(name: str, folder: Path) -> Postgres:
    """An empty database on the server of the session."""
    postgresql = ensure(PostgreSQL)
    postgresql.create_database(name)
    return Postgres(postgresql, name)
