"""PostgreSQL."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from tests.components.process import (
    REAL,
    MissingComponentError,
    Process,
    as_user,
    free_ports,
    give,
    unprivileged_user,
    wait_until,
)


class PostgreSQL:
    """A throwaway PostgreSQL server that can be stopped and started again on the same port."""

    provenance = REAL

    def __init__(self) -> None:
        self._bin = _postgresql_binaries()
        self._home = Path(tempfile.mkdtemp(prefix="scaffold-postgresql-"))
        self._user = unprivileged_user("postgres")
        self.port = free_ports(1)[0]
        self._server: Process | None = None
        try:
            self._create_cluster()
            self.start()
        except BaseException:  # also Ctrl-C: nothing may stay behind
            self.close()
            raise

    @property
    def version(self) -> str:
        """The version of the server, as in `15.12`."""
        command = [str(self._bin / "postgres"), "--version"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[2]

    @property
    def url(self) -> str:
        """The URL of the maintenance database, without a driver."""
        return self.database_url("postgres")

    def database_url(self, name: str, driver: str = "") -> str:
        """The URL of database `name`, for SQLAlchemy's `driver` if one is given."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://app@127.0.0.1:{self.port}/{name}"

    def create_database(self, name: str) -> None:
        """Make the empty database `name`, in place of one that exists."""
        self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.execute(f'CREATE DATABASE "{name}"')

    def execute(self, statement: str, database: str = "postgres") -> str:
        """Run one statement through psql; gives its bare output."""
        command = [*self.psql(database), "-c", statement]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        assert done.returncode == 0, f"{statement}: {done.stderr}"
        return done.stdout.strip()

    def psql(self, database: str) -> list[str]:
        """The command that runs SQL in a database: bare rows, columns parted by `|`."""
        options = ["-XqAt", "-v", "ON_ERROR_STOP=1"]
        return [str(self._bin / "psql"), *options, self.database_url(database)]

    def start(self) -> None:
        """Start the server and wait until it answers (about half a second)."""
        options = ["-D", str(self._home / "data"), "-p", str(self.port), "-k", str(self._home)]
        settings = ["listen_addresses=127.0.0.1", "full_page_writes=off", "max_connections=200"]
        flags = [word for setting in settings for word in ("-c", setting)]
        self._server = Process(
            [*as_user(self._user), str(self._bin / "postgres"), "-F", *options, *flags],
            log=self._home / "server.log",
        )
        wait_until(self._answers, 20, "PostgreSQL did not start", self._server)

    def stop(self) -> None:
        """End the server at once, breaking its connections; its data stays (SIGINT, then wait)."""
        if self._server:
            self._server.signal(signal.SIGINT)
            self._server.wait(20)
            self._server = None

    def kill(self) -> None:
        """`kill -9` of the server and its backends; what was committed stays."""
        if self._server:
            # A backend has a process group of its own, and holds the shared memory while it lives.
            children = Path(f"/proc/{self._server.pid}/task/{self._server.pid}/children")
            backends = [int(pid) for pid in children.read_text().split()]
            self._server.kill()
            for backend in backends:
                with suppress(ProcessLookupError):
                    os.kill(backend, signal.SIGKILL)
            self._server = None

    def close(self) -> None:
        """Stop the server and remove its data."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def _create_cluster(self) -> None:
        give(self._home, self._user)
        command = [str(self._bin / "initdb"), "-A", "trust", "-U", "app", "-E", "UTF8", "--no-sync"]
        subprocess.run(
            [*as_user(self._user), *command, "--locale=C", "-D", str(self._home / "data")],
            check=True,
            capture_output=True,
            cwd=self._home,
        )

    def _answers(self) -> bool:
        probe = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(probe, check=False).returncode == 0


def _postgresql_binaries() -> Path:
    """The folder of the newest PostgreSQL server programs on this machine."""
    debian = Path("/usr/lib/postgresql").glob("*/bin")
    folders = sorted(debian, key=lambda path: -int(path.parent.name))
    if on_path := shutil.which("postgres"):
        folders.insert(0, Path(on_path).resolve().parent)
    for folder in folders:
        if all((folder / program).exists() for program in ("initdb", "pg_isready", "psql")):
            return folder
    raise MissingComponentError("PostgreSQL is not installed: apt-get install postgresql")
