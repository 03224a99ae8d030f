"""Real components for tests: each is a fresh instance on a free port, ended by its own pid.

`ensure("postgresql")` gives one instance for the whole session; `free_ports` and `Process` are the
parts that the harness of generated services shares with it.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

Provenance = Literal["real", "compatible", "fake"]


def ensure(name: str) -> PostgreSQL:
    """The running component `name`, started at the first call of the session.

    A component that this machine lacks skips the test, naming it; with CI=true it fails the test.
    """
    if name not in _running:
        try:
            _running[name] = _launchers[name]()
        except MissingComponentError as missing:
            _refuse(missing)
        atexit.register(_running[name].close)
    return _running[name]


def provenances() -> list[str]:
    """One line for each component in use, for the report at the end of a test run."""
    return [f"{name} {c.version} ({c.provenance})" for name, c in sorted(_running.items())]


class MissingComponentError(Exception):
    """This machine lacks a component; the message names it and says how to get it."""


class PostgreSQL:
    """A throwaway PostgreSQL server that can be stopped and started again on the same port."""

    provenance: Provenance = "real"

    def __init__(self) -> None:
        self._bin = _postgresql_binaries()
        self._home = Path(tempfile.mkdtemp(prefix="scaffold-postgresql-"))
        self._user = _unprivileged_user()
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
            [*self._as_user(), str(self._bin / "postgres"), "-F", *options, *flags],
            log=self._home / "server.log",
        )
        wait_until(self._answers, 20, "PostgreSQL did not start", self._server)

    def stop(self) -> None:
        """End the server at once, breaking its connections; its data stays (SIGINT, then wait)."""
        if self._server:
            self._server.signal(signal.SIGINT)
            self._server.wait(20)
            self._server = None

    def close(self) -> None:
        """Stop the server and remove its data."""
        self.stop()
        shutil.rmtree(self._home, ignore_errors=True)

    def _create_cluster(self) -> None:
        if self._user:
            os.chown(self._home, self._user.pw_uid, self._user.pw_gid)
        command = [str(self._bin / "initdb"), "-A", "trust", "-U", "app", "-E", "UTF8", "--no-sync"]
        subprocess.run(
            [*self._as_user(), *command, "--locale=C", "-D", str(self._home / "data")],
            check=True,
            capture_output=True,
            cwd=self._home,
        )

    def _answers(self) -> bool:
        probe = [str(self._bin / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        return subprocess.run(probe, check=False).returncode == 0

    def _as_user(self) -> list[str]:
        if not self._user:
            return []
        return ["setpriv", f"--reuid={self._user.pw_uid}", f"--regid={self._user.pw_gid}",
                "--clear-groups"]  # fmt: skip


@dataclass
class Process:
    """A child process in a group of its own, with its output in the file `log`."""

    command: Sequence[str]
    log: Path
    env: dict[str, str] | None = None
    cwd: Path | None = None
    _popen: subprocess.Popen[bytes] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        with self.log.open("ab") as output:
            self._popen = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.env,
                cwd=self.cwd,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The id of the process, and of its group."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; minus the signal's number when a signal ended it."""
        return self._popen.poll()

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process alone, if it still runs."""
        if self.exit_code is None:
            self._popen.send_signal(number)

    def wait(self, seconds: float) -> int:
        """Its exit code; raises subprocess.TimeoutExpired when it runs longer than `seconds`."""
        return self._popen.wait(seconds)

    def kill(self) -> None:
        """`kill -9` of the whole group, and wait until it is gone."""
        if self.exit_code is None:
            os.killpg(self.pid, signal.SIGKILL)
            self._popen.wait(10)


def free_ports(count: int) -> list[int]:
    """`count` different free ports of the loopback address (all are bound before one is let go)."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def wait_until(
    holds: Callable[[], bool], seconds: float, complaint: str, process: Process | None = None
) -> float:
    """Wait until `holds()`; gives the seconds it took.

    Raises AssertionError with `complaint` after `seconds`, and at once when `process` has ended,
    with the end of its log.
    """
    began = time.monotonic()
    while not holds():
        ended = process is not None and process.exit_code is not None
        if ended or time.monotonic() - began > seconds:
            tail = process.log.read_text(errors="replace")[-2000:] if process else ""
            raise AssertionError(f"{complaint} within {seconds} s\n{tail}")
        time.sleep(0.02)
    return time.monotonic() - began


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


def _unprivileged_user() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: the user to become then, or nothing for another user."""
    if os.geteuid() != 0:
        return None
    names = {user.pw_name: user for user in pwd.getpwall()}
    return names.get("postgres") or names["nobody"]


def _refuse(missing: MissingComponentError) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(str(missing), pytrace=False)
    pytest.skip(str(missing))


_launchers = {"postgresql": PostgreSQL}
_running: dict[str, PostgreSQL] = {}
