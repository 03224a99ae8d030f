"""RabbitMQ."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

from tests.components.process import (
    REAL,
    MissingComponentError,
    Process,
    free_ports,
    program,
    wait_until,
)

_PACKAGE = ("RabbitMQ", "rabbitmq-server")
# Not the programs on the PATH: Debian's wrappers refuse all users but root and `rabbitmq`.
_BIN = Path("/usr/lib/rabbitmq/bin")


class RabbitMQ:
    """A throwaway RabbitMQ server that can be stopped and started again on the same port."""

    provenance = REAL

    def __init__(self) -> None:
        self._server_program = _program("rabbitmq-server")
        self._client = _program("rabbitmqctl")
        names = program("epmd", *_PACKAGE)
        self._home = Path(tempfile.mkdtemp(prefix="scaffold-rabbitmq-"))
        self.port, self._nodes_port, self._names_port = free_ports(3)
        self._env = self._environment()
        self._server: Process | None = None
        # Erlang would start its name server itself, and leave it running.
        self._names = Process([names], log=self._home / "names.log", env=self._env)
        try:
            self._configure()
            self.start()
        except BaseException:  # also Ctrl-C: nothing may stay behind
            self.close()
            raise

    @property
    def version(self) -> str:
        """The version of the server, as in `3.10.8`."""
        return self.control("version")

    @property
    def url(self) -> str:
        """The URL of the default virtual host."""
        return self.host_url("%2F")

    def host_url(self, name: str) -> str:
        """The URL of the virtual host `name`."""
        return f"amqp://guest:guest@127.0.0.1:{self.port}/{name}"

    def create_host(self, name: str) -> None:
        """Make the empty virtual host `name`."""
        self.control("add_vhost", name)
        self.control("set_permissions", "--vhost", name, "guest", ".*", ".*", ".*")

    def queued(self, host: str) -> dict[str, int]:
        """The number of messages in each queue of a virtual host, also those being handled."""
        rows = self.control(
            "list_queues", "--vhost", host, "--no-table-headers", "name", "messages"
        )
        return {name: int(count) for name, count in map(str.split, rows.splitlines())}

    def control(self, *words: str) -> str:
        """Run `rabbitmqctl`; gives its bare output."""
        done = subprocess.run(
            [self._client, "--quiet", *words],
            env=self._env, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def start(self) -> None:
        """Start the server and wait until it answers (about six seconds)."""
        log = self._home / "server.log"
        self._server = Process([self._server_program], log=log, env=self._env)
        wait_until(self._answers, 90, "RabbitMQ did not start", self._server)

    def stop(self) -> None:
        """End the server; its data stays."""
        if self._server:
            # The group, because the program is a script that waits for Erlang.
            os.killpg(self._server.pid, signal.SIGTERM)
            self._server.wait(60)
            self._server = None

    def kill(self) -> None:
        """`kill -9` of the server; its data stays."""
        if self._server:
            self._server.kill()
            self._server = None

    def close(self) -> None:
        """Stop the server and remove its data."""
        self.stop()
        self._names.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def _environment(self) -> dict[str, str]:
        home = self._home
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._nodes_port),
            "RABBITMQ_MNESIA_BASE": str(home / "data"),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
            "RABBITMQ_CONF_ENV_FILE": str(home / "none"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": (
                "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +sbwt none"
            ),
            "ERL_EPMD_PORT": str(self._names_port),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
        }

    def _configure(self) -> None:
        (self._home / "plugins").write_text("[].\n")
        (self._home / "rabbitmq.conf").write_text("loopback_users = none\n")

    def _answers(self) -> bool:
        # Quicker than `rabbitmqctl await_startup`: a server that takes clients sends its greeting.
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as client:
                client.sendall(b"AMQP\x00\x00\x09\x01")
                return bool(client.recv(1))
        except OSError:
            return False


def _program(name: str) -> str:
    if not (_BIN / name).exists():
        raise MissingComponentError(
            f"{_PACKAGE[0]} is not installed: apt-get install {_PACKAGE[1]}"
        )
    return str(_BIN / name)
