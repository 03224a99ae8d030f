"""Run a command with an SQS server for development: `python scripts/local_sqs.py make serve`.

If the server of `QUEUE_URL` answers, the command uses it. Otherwise, a server is started on that port. This is the
ElasticMQ installed here (it stops after the command, and keeps its data in `.elasticmq`) or the container of
compose.yaml.
"""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from app.config import settings_or_exit
from local_servers import container_starts, fail, run_command

START_SECONDS = 30
CONFIGURATION = """\
include classpath("application.conf")
node-address { host = "127.0.0.1", port = PORT }
rest-sqs { bind-hostname = "127.0.0.1", bind-port = PORT, sqs-limits = strict }
rest-stats { enabled = false }
messages-storage { enabled = true, uri = "jdbc:h2:./messages" }
"""


def main() -> None:
    run_command(server(settings_or_exit().queue_url))


@contextmanager
def server(url: str) -> Iterator[None]:
    """A server that answers at `url` while the context lasts."""
    host = urlsplit(url).hostname
    if _answers(url):
        yield
    elif host not in ("localhost", "127.0.0.1"):
        fail(f"no SQS answers at {host}", "start it, or correct QUEUE_URL")
    elif program := installed():
        with local_server(program, url, Path(".elasticmq").absolute()):
            yield
    elif container_starts("broker"):
        yield
    else:
        fail("there is no ElasticMQ here", "install ElasticMQ (brew install elasticmq) or Docker, or set QUEUE_URL")


def installed() -> str | None:
    """The path of `elasticmq`, as Homebrew installs it."""
    return shutil.which("elasticmq", path=f"{os.environ.get('PATH', '')}:/opt/homebrew/bin")


@contextmanager
def local_server(program: str, url: str, home: Path) -> Iterator[None]:
    """Start a server with its data in a folder, and stop it at the end."""
    home.mkdir(parents=True, exist_ok=True)
    (home / ".gitignore").write_text("*\n")
    (home / "elasticmq.conf").write_text(CONFIGURATION.replace("PORT", str(urlsplit(url).port or 80)))
    with (home / "output").open("ab") as output:
        process = subprocess.Popen(
            [program],
            env={**os.environ, "ELASTICMQ_OPTS": "-Dconfig.file=elasticmq.conf"},
            cwd=home,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # so that Ctrl-C does not reach it
        )
    try:
        _wait(url, process, home)
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)


def _wait(url: str, process: subprocess.Popen[bytes], home: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while not _answers(url):
        if process.poll() is not None or time.monotonic() > end:
            fail("ElasticMQ did not start", f"see {home / 'output'}")
        time.sleep(0.1)


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((parts.hostname, parts.port or {"http": 80, "https": 443}[parts.scheme]), 3).close()
    except OSError:
        return False
    return True


if __name__ == "__main__":
    main()
