"""Run a command with an SQS server for development: `python scripts/local_sqs.py make serve`.

If the server of `QUEUE_URL` answers, the command uses it. Otherwise, a server is started on that port. This is the
ElasticMQ installed here (it stops after the command, and keeps its data in `.elasticmq`) or the container of
compose.yaml.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from app.config import settings_or_exit
from local_servers import accepts_connections, container_starts, fail, run_command, running, wait_until

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
    (home / "elasticmq.conf").write_text(CONFIGURATION.replace("PORT", str(urlsplit(url).port or 80)))
    log = home / "output"
    environment = {**os.environ, "ELASTICMQ_OPTS": "-Dconfig.file=elasticmq.conf"}
    with running([program], log, environment=environment, folder=home) as process:
        wait_until(lambda: _answers(url), process, "ElasticMQ", f"see {log}")
        yield


def _answers(url: str) -> bool:
    parts = urlsplit(url)
    return accepts_connections(parts.hostname or "", parts.port or {"http": 80, "https": 443}[parts.scheme])


if __name__ == "__main__":
    main()
