"""Run a command with a RabbitMQ server for development: `python scripts/local_rabbitmq.py make serve`.

If the server of `QUEUE_URL` answers, the command uses it. Otherwise, a server is started on that port. This is the
RabbitMQ installed here (it stops after the command, and keeps its data in `.rabbitmq`) or the container of
compose.yaml.
"""

import asyncio
import logging
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

import aio_pika
from aio_pika.exceptions import AMQPError

from app.config import settings_or_exit
from local_servers import container_starts, fail, run_command, running, wait_until

# It logs each failure to connect, which is also raised.
logging.getLogger("aiormq.connection").disabled = True
# Before the PATH: there, the program of the Debian package runs only as root or as its own user.
_FOLDERS = ("/usr/lib/rabbitmq/bin", os.environ.get("PATH", ""), "/usr/local/sbin", "/opt/homebrew/sbin")


def main() -> None:
    run_command(server(settings_or_exit().queue_url))


@contextmanager
def server(url: str) -> Iterator[None]:
    """A server that answers at `url` while the context lasts."""
    host = urlsplit(url).hostname
    if asyncio.run(_answers(url)):
        yield
    elif host not in ("localhost", "127.0.0.1"):
        fail(f"no RabbitMQ answers at {host}", "start it, or correct QUEUE_URL")
    elif program := installed():
        with local_server(program, url, Path(".rabbitmq").absolute()):
            yield
    elif container_starts("broker"):
        yield
    else:
        fail("there is no RabbitMQ here", "install RabbitMQ or Docker, or set QUEUE_URL to a server")


def installed() -> str | None:
    """The path of `rabbitmq-server`."""
    return shutil.which("rabbitmq-server", path=os.pathsep.join(_FOLDERS))


@contextmanager
def local_server(program: str, url: str, home: Path) -> Iterator[None]:
    """Start a server with its data in a folder, and stop it at the end."""
    home.mkdir(parents=True, exist_ok=True)
    parts, log = urlsplit(url), home / "output"
    (home / "rabbitmq.conf").write_text(_configuration(parts))
    (home / "plugins").write_text("[].\n")
    names_port, nodes_port = _free_ports(2)
    environment = {
        **os.environ,
        "HOME": str(home),
        "RABBITMQ_NODENAME": "development@localhost",
        "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(parts.port or 5672),
        "RABBITMQ_DIST_PORT": str(nodes_port),
        "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home / "log"),
        "RABBITMQ_PID_FILE": str(home / "pid"),
        "RABBITMQ_CONFIG_FILE": str(home / "rabbitmq.conf"),
        "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        "ERL_EPMD_PORT": str(names_port),
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }
    # Erlang would start its name server itself, and leave it running.
    with (
        running(["epmd"], log, environment=environment),
        running([program], log, environment=environment) as process,
    ):
        wait_until(lambda: asyncio.run(_answers(url)), process, "RabbitMQ", f"see {log}")
        yield


def _configuration(parts: SplitResult) -> str:
    settings = {
        "default_user": unquote(parts.username or "guest"),
        "default_pass": unquote(parts.password or "guest"),
        "default_vhost": unquote(parts.path.removeprefix("/")) or "/",
    }
    return "".join(f"{name} = {value}\n" for name, value in settings.items())


async def _answers(url: str) -> bool:
    try:
        connection = await aio_pika.connect(url, timeout=3)
    except (OSError, TimeoutError):  # no connection yet
        return False
    except AMQPError as error:
        fail(f"the RabbitMQ at {urlsplit(url).hostname} says: {error}", "correct QUEUE_URL in .env")
    await connection.close()
    return True


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


if __name__ == "__main__":
    main()
