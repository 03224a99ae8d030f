"""Run a command with a MongoDB server for development: `python scripts/local_mongodb.py make serve`.

If the server of `DATABASE_URL` answers, the command uses it. Otherwise, a server is started on that port. This is the
MongoDB installed here (it stops after the command, and keeps its data in `.data`) or the container of compose.yaml.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.uri_parser import parse_uri

from app.config import settings_or_exit
from local_servers import container_starts, fail, run_command, running, wait_until


def main() -> None:
    run_command(server(settings_or_exit().database_url))


@contextmanager
def server(url: str) -> Iterator[None]:
    """A server that answers at `url` while the context lasts."""
    # The hosts of mongodb+srv:// are in the DNS, and never on this machine.
    host, port = ("", None) if url.startswith("mongodb+srv://") else parse_uri(url, warn=False)["nodelist"][0]
    if _answers(url):
        yield
    elif host not in ("localhost", "127.0.0.1"):
        fail(f"no MongoDB answers at {host or url.rpartition('@')[2]}", "start it, or correct DATABASE_URL")
    elif program := installed():
        with local_server(program, port or 27017, Path(".data").absolute()):
            yield
    elif container_starts("database"):
        yield
    else:
        fail("there is no MongoDB here", "install MongoDB or Docker, or set DATABASE_URL to a server")


def installed() -> Path | None:
    """The server program of MongoDB."""
    found = shutil.which("mongod")
    return Path(found) if found else None


@contextmanager
def local_server(program: Path, port: int, folder: Path) -> Iterator[None]:
    """Start a server with its data in a folder, and stop it at the end. It is a replica set of its own."""
    data, log = folder / "data", folder / "log"
    data.mkdir(parents=True, exist_ok=True)
    options = ["--replSet=app", f"--dbpath={data}", f"--port={port}", "--bind_ip=127.0.0.1"]
    # How long the transaction of a process that has died still locks its documents.
    options += ["--setParameter=transactionLifetimeLimitSeconds=10"]
    url = f"mongodb://127.0.0.1:{port}/?directConnection=true"
    with running([program, *options], log) as process:
        with MongoClient[dict[str, object]](url, serverSelectionTimeoutMS=500) as client:
            wait_until(lambda: _is_primary(client), process, "MongoDB", f"see {log}")
        yield


def _answers(url: str) -> bool:
    with MongoClient[dict[str, object]](url, serverSelectionTimeoutMS=500) as client:
        try:
            client.admin.command("ping")
        except OperationFailure as error:
            fail(f"the MongoDB of DATABASE_URL says: {(error.details or {}).get('errmsg')}", "correct DATABASE_URL")
        except PyMongoError:
            return False
    return True


def _is_primary(client: MongoClient[dict[str, object]]) -> bool:
    try:
        hello = client.admin.command("hello")
        if "setName" not in hello:
            client.admin.command("replSetInitiate")
        return bool(hello["isWritablePrimary"])
    except PyMongoError:
        return False


if __name__ == "__main__":
    main()
