"""Run a command with a Kafka server for development: `python scripts/local_kafka.py make serve`.

If a server of `QUEUE_URL` answers, the command uses it. Otherwise, a server is started on that port. This is the Kafka
installed here, in `KAFKA_HOME` or on the PATH (it stops after the command, and keeps its data in `.kafka`), or the
container of compose.yaml.
"""

import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from app.config import settings_or_exit
from app.config.queue import client_settings
from local_servers import START_SECONDS, Process, container_starts, fail, run_command, running, wait_until

PROGRAMS = ("kafka-server-start.sh", "kafka-server-start")
"""The name in the distribution of Apache, which needs Java, and that of Homebrew, which brings it."""
CLUSTER = "ZGV2ZWxvcG1lbnQtMDAwMQ"


def main() -> None:
    run_command(server(settings_or_exit().queue_url))


@contextmanager
def server(url: str) -> Iterator[None]:
    """A server that answers at `url` while the context lasts."""
    host = urlsplit(url).hostname
    if _answers(url):
        yield
    elif host not in ("localhost", "127.0.0.1"):
        fail(f"no Kafka answers at {host}", "start it, or correct QUEUE_URL")
    elif program := installed():
        with local_server(program, url, Path(".kafka").absolute()):
            yield
    elif container_starts("broker"):
        yield
    else:
        hint = "install Kafka with Java 17 or newer (set KAFKA_HOME) or Docker, or set QUEUE_URL to a server"
        fail("there is no Kafka here", hint)


def installed() -> str | None:
    """The path of the program that starts Kafka, if it can run here."""
    names = PROGRAMS if shutil.which("java", path=_path("JAVA_HOME")) else PROGRAMS[1:]
    return next(filter(None, (shutil.which(name, path=_path("KAFKA_HOME", "/opt/kafka/bin")) for name in names)), None)


def _path(home: str, *others: str) -> str:
    """A search path: `bin` in the folder of an environment variable, the PATH, and other folders."""
    folders = [f"{os.environ[home]}/bin"] if home in os.environ else []
    return os.pathsep.join([*folders, os.environ.get("PATH", ""), *others])


@contextmanager
def local_server(program: str, url: str, home: Path) -> Iterator[Process]:
    """Start a server with its data in a folder, and stop it at the end."""
    home.mkdir(parents=True, exist_ok=True)
    log, settings = home / "output", home / "server.properties"
    settings.write_text(_settings(urlsplit(url.partition(",")[0]).port or 9092, home))
    environment = {**os.environ, "LOG_DIR": str(home / "log"), "KAFKA_HEAP_OPTS": "-Xmx512m"}
    if not (home / "data/meta.properties").exists():
        storage = program.replace("kafka-server-start", "kafka-storage")
        with running([storage, "format", "-t", CLUSTER, "-c", settings], log, environment=environment) as formatting:
            formatting.wait(START_SECONDS)
    with running([program, settings], log, environment=environment) as process:
        wait_until(lambda: _answers(url), process, "Kafka", f"see {log}")
        yield process


def _settings(port: int, home: Path) -> str:
    """One server that is also its controller, and starts quickly."""
    controller = _free_port()
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": home / "data",
        "offsets.topic.num.partitions": 1,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        # The consumers of a worker join together.
        "group.initial.rebalance.delay.ms": 300,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _answers(url: str) -> bool:
    refusals: list[str] = []

    def note(error: KafkaError) -> None:
        if error.name() == "_AUTHENTICATION":
            refusals.append(error.str())

    settings: dict[str, Any] = {**client_settings(url), "log_level": 0, "error_cb": note}
    admin = AdminClient(settings)
    try:
        admin.list_topics(timeout=1)
    except KafkaException:  # no connection yet
        admin.poll(0)  # calls `note`
        if refusals:
            fail(f"Kafka says: {refusals[0]}", "correct QUEUE_URL in .env")
        return False
    return True


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


if __name__ == "__main__":
    main()
