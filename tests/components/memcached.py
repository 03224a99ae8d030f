"""Memcached."""

from __future__ import annotations

import shutil
import signal
import socket
import tempfile
from pathlib import Path

from tests.components.process import (
    REAL,
    Process,
    as_user,
    free_ports,
    program,
    unprivileged_user,
    wait_until,
)


class Memcached:
    """A throwaway Memcached server.

    It can be stopped, which loses its data, and started again on the same port.
    """

    provenance = REAL

    def __init__(self) -> None:
        self._server_program = program("memcached", "Memcached", "memcached")
        self._home = Path(tempfile.mkdtemp(prefix="scaffold-memcached-"))
        self.port = free_ports(1)[0]
        self._server: Process | None = None
        try:
            self.start()
        except BaseException:  # also Ctrl-C: nothing may stay behind
            self.close()
            raise

    @property
    def version(self) -> str:
        """The version of the server, as in `1.6.38`."""
        return self.execute("version").removeprefix("VERSION ")

    @property
    def url(self) -> str:
        """Its address."""
        return f"memcached://127.0.0.1:{self.port}"

    def execute(self, command: str) -> str:
        """Send one command of the text protocol; gives the first lines of the answer."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(65536).decode().strip()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        user = as_user(unprivileged_user("memcache"))
        address = ["-l", "127.0.0.1", "-p", str(self.port), "-U", "0"]
        self._server = Process(
            [*user, self._server_program, *address], log=self._home / "server.log"
        )
        wait_until(self._answers, 20, "Memcached did not start", self._server)

    def kill(self) -> None:
        """`kill -9`."""
        if self._server:
            self._server.kill()
            self._server = None

    def close(self) -> None:
        """Stop the server."""
        if self._server:
            self._server.signal(signal.SIGTERM)
            self._server.wait(20)
        shutil.rmtree(self._home, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            return self.execute("version").startswith("VERSION ")
        except OSError:
            return False
