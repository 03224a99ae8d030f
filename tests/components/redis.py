"""Redis."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from tests.components.process import REAL, Process, free_ports, program, wait_until


class Redis:
    """A throwaway Redis server that keeps its data in memory alone.

    It can be stopped, which loses its data, and started again on the same port.
    """

    provenance = REAL
    _persistence: tuple[str, ...] = ("--save", "", "--appendonly", "no")

    def __init__(self) -> None:
        self._server_program = program("redis-server", "Redis", "redis-server")
        self._client = program("redis-cli", "Redis", "redis-server")
        self._home = Path(tempfile.mkdtemp(prefix="scaffold-redis-"))
        self.port = free_ports(1)[0]
        self._server: Process | None = None
        try:
            self.start()
        except BaseException:  # also Ctrl-C: nothing may stay behind
            self.close()
            raise

    @property
    def version(self) -> str:
        """The version of the server, as in `7.0.15`."""
        lines = self.execute("INFO", "server").splitlines()
        return next(line for line in lines if line.startswith("redis_version:")).partition(":")[2]

    @property
    def url(self) -> str:
        """The URL of its first database."""
        return f"redis://127.0.0.1:{self.port}/0"

    def execute(self, *words: str) -> str:
        """Run one command; gives its bare answer. Raises AssertionError when it is an error."""
        done = subprocess.run(
            [self._client, "-e", "-p", str(self.port), *words],
            capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def start(self) -> None:
        """Start the server and wait until it answers."""
        address = ["--port", str(self.port), "--bind", "127.0.0.1"]
        data = ["--dir", str(self._home), *self._persistence]
        self._server = Process(
            [self._server_program, *address, *data],
            log=self._home / "server.log",
        )
        wait_until(self._answers, 20, "Redis did not start", self._server)

    def kill(self) -> None:
        """`kill -9`."""
        if self._server:
            self._server.kill()
            self._server = None

    def close(self) -> None:
        """Stop the server and remove its data."""
        if self._server:
            self._server.signal(signal.SIGTERM)
            self._server.wait(20)
        shutil.rmtree(self._home, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            return self.execute("PING") == "PONG"
        except AssertionError:
            return False


class DurableRedis(Redis):
    """A throwaway Redis server that answers a write when it is on disk.

    It can be killed, and started again on the same port with its data.
    """

    _persistence = ("--save", "", "--appendonly", "yes", "--appendfsync", "always")
