"""MariaDB."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.components.process import (
    REAL,
    Process,
    as_user,
    free_ports,
    give,
    program,
    unprivileged_user,
    wait_until,
)

_PACKAGE = ("MariaDB", "mariadb-server")


class MariaDB:
    """A throwaway MariaDB server that can be stopped and started again on the same port."""

    provenance = REAL

    def __init__(self) -> None:
        self._server_program = program("mariadbd", *_PACKAGE)
        self._client = program("mariadb", *_PACKAGE)
        self._dump = program("mariadb-dump", *_PACKAGE)
        self._install = program("mariadb-install-db", *_PACKAGE)
        self._home = Path(tempfile.mkdtemp(prefix="scaffold-mariadb-"))
        self._user = unprivileged_user("mysql")
        self.port = free_ports(1)[0]
        address = ["--host=127.0.0.1", f"--port={self.port}", "--protocol=tcp"]
        self._options = ["--no-defaults", "--user=root", *address]
        self._server: Process | None = None
        try:
            self._create_data()
            self.start()
        except BaseException:  # also Ctrl-C: nothing may stay behind
            self.close()
            raise

    @property
    def version(self) -> str:
        """The version of the server, as in `10.11.18`."""
        return self.execute("SELECT version()").partition("-")[0]

    @property
    def url(self) -> str:
        """The URL of the server, without a database and a driver."""
        return self.database_url("")

    def database_url(self, name: str, driver: str = "") -> str:
        """The URL of database `name`, for SQLAlchemy's `driver` if one is given."""
        scheme = f"mysql+{driver}" if driver else "mysql"
        return f"{scheme}://root@127.0.0.1:{self.port}/{name}"

    def create_database(self, name: str) -> None:
        """Make the empty database `name`, in place of one that exists."""
        self.execute(f"DROP DATABASE IF EXISTS `{name}`")
        self.execute(f"CREATE DATABASE `{name}`")

    def copy_database(self, source: str, name: str) -> None:
        """Make the database `name` with the tables and rows of `source`."""
        self.create_database(name)
        dump = subprocess.run(
            [self._dump, *self._options, "--single-transaction", source],
            check=True, capture_output=True, timeout=30,
        )  # fmt: skip
        subprocess.run(self.client(name), input=dump.stdout, check=True, timeout=30)

    def execute(self, statement: str, database: str = "") -> str:
        """Run one statement; gives its bare output, columns parted by tabs."""
        done = subprocess.run(
            [*self.client(database), f"--execute={statement}"],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{statement}: {done.stderr}"
        return done.stdout.strip()

    def client(self, database: str) -> list[str]:
        """The command that runs SQL in a database: bare rows, columns parted by tabs."""
        bare = ["--batch", "--skip-column-names", "--unbuffered"]
        return [self._client, *self._options, *bare, f"--database={database}"]

    def start(self) -> None:
        """Start the server and wait until it answers (a few seconds)."""
        self._server = Process(
            [
                *as_user(self._user),
                self._server_program,
                "--no-defaults",
                f"--datadir={self._home / 'data'}",
                f"--socket={self._home / 'server.sock'}",
                "--bind-address=127.0.0.1",
                f"--port={self.port}",
                "--skip-log-bin",
                # With 0, a killed server loses rows that it has acknowledged.
                "--innodb-flush-log-at-trx-commit=2",
                "--innodb-buffer-pool-size=32M",
            ],
            log=self._home / "server.log",
        )
        wait_until(self._answers, 60, "MariaDB did not start", self._server)

    def stop(self) -> None:
        """End the server; its data stays."""
        if self._server:
            self._server.signal(signal.SIGTERM)
            self._server.wait(60)
            self._server = None

    def kill(self) -> None:
        """`kill -9`; what was committed stays."""
        if self._server:
            self._server.kill()
            self._server = None

    def close(self) -> None:
        """Stop the server and remove its data."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def _create_data(self) -> None:
        give(self._home, self._user)
        subprocess.run(
            [
                *as_user(self._user),
                self._install,
                "--no-defaults",
                f"--datadir={self._home / 'data'}",
                "--auth-root-authentication-method=normal",
                "--skip-test-db",
            ],
            check=True, capture_output=True, cwd=self._home,
        )  # fmt: skip

    def _answers(self) -> bool:
        try:
            return self.execute("SELECT 1") == "1"
        except AssertionError:
            return False
