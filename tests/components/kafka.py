"""Kafka."""

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
    wait_until,
)

HOME = Path(os.environ.get("KAFKA_HOME") or Path(__file__).parents[2] / ".work/kafka")
"""A distribution of Kafka, or what scripts/setup.sh makes of its parts."""

_CLUSTER = "c2NhZmZvbGQtdGVzdC0wMQ"


class Kafka:
    """A throwaway server of Kafka, its own controller. It can be killed and started again."""

    provenance = REAL

    def __init__(self) -> None:
        self._server_program = _program("kafka-server-start.sh")
        self._home = Path(tempfile.mkdtemp(prefix="scaffold-kafka-"))
        self.port, self._controller_port = free_ports(2)
        self._settings = self._home / "server.properties"
        self._env = {
            "PATH": os.environ["PATH"],
            "LOG_DIR": str(self._home / "logs"),
            "KAFKA_HEAP_OPTS": "-Xms64m -Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        }
        self._server: Process | None = None
        try:
            self._configure()
            self.start()
        except BaseException:  # also Ctrl-C: nothing may stay behind
            self.close()
            raise

    @property
    def version(self) -> str:
        """The version of the server, as in `4.3.1`."""
        [jar] = (HOME / "libs").glob("kafka_*[0-9].jar")
        return jar.stem.rpartition("-")[2]

    @property
    def url(self) -> str:
        """Its address."""
        return f"kafka://127.0.0.1:{self.port}"

    def queued(self, group: str) -> int:
        """The number of messages that a consumer group has not committed."""
        lines = self._run("kafka-consumer-groups.sh", "--describe", "--group", group).splitlines()
        heads, *rows = [line.split() for line in lines if line.strip()]
        lag = heads.index("LAG")
        return sum(int(row[lag]) for row in rows if row[lag] != "-")

    def create_topic(self, name: str, partitions: int) -> None:
        """Make an empty topic."""
        topic = ["--topic", name, "--partitions", str(partitions)]
        self._run("kafka-topics.sh", "--create", *topic)

    def topics(self) -> list[str]:
        """The names of its topics, without those that it makes for itself."""
        return self._run("kafka-topics.sh", "--list", "--exclude-internal").split()

    def clear(self) -> None:
        """Remove all topics and groups."""
        self.kill()
        shutil.rmtree(self._home / "data")
        self._format()
        self.start()

    def start(self) -> None:
        """Start the server and wait until it answers (about five seconds)."""
        command = [self._server_program, str(self._settings)]
        self._server = Process(command, log=self._home / "server.log", env=self._env)
        wait_until(self._answers, 90, "Kafka did not start", self._server)

    def stop(self) -> None:
        """End the server; its data stays."""
        if self._server:
            self._server.signal(signal.SIGTERM)
            self._server.wait(60)
            self._server = None

    def kill(self) -> None:
        """`kill -9` of the server; its data stays."""
        if self._server:
            self._server.kill()
            self._server = None

    def close(self) -> None:
        """End the server and remove its data."""
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def _configure(self) -> None:
        clients, controller = f"127.0.0.1:{self.port}", f"127.0.0.1:{self._controller_port}"
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{clients},CONTROLLER://{controller}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self._home / "data",
            "offsets.topic.num.partitions": 1,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            # A killed server is refused until its last session has ended: by default, for 9 s.
            "broker.session.timeout.ms": 1000,
            "broker.heartbeat.interval.ms": 200,
            # By default, a new group waits 3 s for more members. In tests, a worker joins at once.
            "group.initial.rebalance.delay.ms": 0,
            # By default, the cleaner alone takes 128 MB.
            "log.cleaner.dedupe.buffer.size": 8388608,
        }
        self._settings.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        self._format()

    def _format(self) -> None:
        command = [_program("kafka-storage.sh"), "format", "-t", _CLUSTER]
        self._output([*command, "-c", str(self._settings)])

    def _run(self, name: str, *words: str) -> str:
        server = ["--bootstrap-server", f"127.0.0.1:{self.port}"]
        return self._output([_program(name), *server, *words])

    def _output(self, command: list[str]) -> str:
        done = subprocess.run(
            command, env=self._env, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"
        return done.stdout

    def _answers(self) -> bool:
        # The port is open before the server answers. A new server makes its topic of offsets when
        # it is first asked for the coordinator of a group, and the first worker would wait for it.
        # The request: its length, its key and version, a number that the answer repeats, no name
        # of a client, and the group "g". The answer: its length, the number, and 0 or an error.
        request = bytes.fromhex("0000000d 000a 0000 0000002a ffff 0001 67")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=2) as client:
                client.sendall(request)
                return client.recv(10)[4:] == bytes.fromhex("0000002a 0000")
        except OSError:
            return False


def _program(name: str) -> str:
    if not (HOME / "bin" / name).exists():
        raise MissingComponentError("Kafka is not installed: scripts/setup.sh servers")
    return str(HOME / "bin" / name)
