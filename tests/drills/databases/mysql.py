"""MySQL in the drills. The server is a MariaDB."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.components import ensure
from tests.components.mysql import MariaDB
from tests.components.outages import stopped
from tests.drills.databases.sql import Row, SqlDatabase


@dataclass
class MySQL(SqlDatabase):
    """One database of the session's server."""

    server: MariaDB
    name: str
    kind = "mysql"
    # MySQL has no triggers for a column. The drills change nothing of an order but its status.
    audit = (
        "CREATE TABLE drill_audit (order_id text, status text)",
        """CREATE TRIGGER drill_audit AFTER UPDATE ON orders
           FOR EACH ROW INSERT INTO drill_audit VALUES (NEW.id, NEW.status)""",
    )
    notes_table = (
        "CREATE TABLE drill_notes"
        " (place bigint AUTO_INCREMENT PRIMARY KEY, subject text, number integer)"
    )

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

    def outage(self) -> AbstractContextManager[None]:
        """The server is stopped, breaking every connection, and started again at the end."""
        return stopped(self.server)


def create(name: str, folder: Path) -> MySQL:
    """An empty database on the server of the session."""
    mariadb = ensure(MariaDB)
    mariadb.create_database(name)
    return MySQL(mariadb, name)
