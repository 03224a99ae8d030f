"""Run a command with a cache server for development: `python scripts/local_cache.py make serve`.

If the server of `CACHE_URL` answers, the command uses it. Otherwise, a server is started on that port. This is the
program installed here (it stops after the command) or the container of compose.yaml.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from app.config import settings_or_exit
from app.config.cache import DEFAULT_PORT
from cache_program import PROGRAM, TITLE, arguments
from local_servers import accepts_connections, container_starts, fail, run_command, running, wait_until


def main() -> None:
    run_command(server(settings_or_exit().cache_url))


@contextmanager
def server(url: str) -> Iterator[None]:
    """A server that answers at `url` while the context lasts."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or DEFAULT_PORT
    if accepts_connections(host, port):
        yield
    elif host not in ("localhost", "127.0.0.1"):
        fail(f"no {TITLE} answers at {host}", "start it, or correct CACHE_URL")
    elif is_installed():
        with local_server(port):
            yield
    elif container_starts("cache"):
        yield
    else:
        fail(f"there is no {TITLE} here", f"install {TITLE} or Docker, or set CACHE_URL to a server")


def is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


@contextmanager
def local_server(port: int) -> Iterator[None]:
    """Start a server on this machine, and stop it at the end."""
    with running([PROGRAM, *arguments(port)]) as process:
        hint = "set another port in CACHE_URL"
        wait_until(lambda: accepts_connections("127.0.0.1", port), process, PROGRAM, hint)
        yield


if __name__ == "__main__":
    main()
