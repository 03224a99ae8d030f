"""Run a command with a Redis server for development: `python scripts/local_redis.py make serve`.

If the server of `QUEUE_URL` answers, the command uses it. Otherwise, a server is started on that port. This is the
Redis installed here (it stops after the command, and keeps its data in `.redis`) or the container of compose.yaml.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from app.config import settings_or_exit
from app.config.redis import DEFAULT_PORT
from local_servers import accepts_connections, container_starts, fail, run_command, running, wait_until

PROGRAM = "redis-server"


def main() -> None:
    run_command(server(settings_or_exit().queue_url))


@contextmanager
def server(url: str) -> Iterator[None]:
    """A server that answers at `url` while the context lasts."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or DEFAULT_PORT
    if accepts_connections(host, port):
        yield
    elif host not in ("localhost", "127.0.0.1"):
        fail(f"no Redis answers at {host}", "start it, or correct QUEUE_URL")
    elif is_installed():
        with local_server(port, Path(".redis")):
            yield
    elif container_starts("broker"):
        yield
    else:
        fail("there is no Redis here", "install Redis or Docker, or set QUEUE_URL to a server")


def is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


@contextmanager
def local_server(port: int, home: Path) -> Iterator[None]:
    """Start a server with its data in a folder, and stop it at the end."""
    home.mkdir(parents=True, exist_ok=True)
    log = home / "output"
    command = [PROGRAM, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(home)]
    command += ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
    with running(command, log) as process:
        hint = f"see {log}, or set another port in QUEUE_URL"
        wait_until(lambda: accepts_connections("127.0.0.1", port), process, PROGRAM, hint)
        yield


if __name__ == "__main__":
    main()
