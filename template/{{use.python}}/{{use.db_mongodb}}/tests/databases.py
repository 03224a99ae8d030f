"""Databases for tests, on the server of `DATABASE_URL` or on a server that is started for the tests."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

from pymongo import MongoClient

import local_mongodb
from app.config.database import DEVELOPMENT_URL

SECRETS = {"database_url": "mongodb://app:secret@database:27017/app"}
"""The settings that production requires."""


class Databases:
    """The databases of one test run. Other databases on the server are not touched."""

    def __init__(self, url: str) -> None:
        self._client = MongoClient[dict[str, object]](url)
        self._address, _, rest = url.rpartition("/")
        self._options = rest.partition("?")[2]
        self._names: list[str] = []

    @classmethod
    @contextmanager
    def served(cls) -> Iterator["Databases"]:
        """The databases that a test run creates. They are removed at the end."""
        with _server() as url:
            databases = cls(url)
            yield databases
            for name in databases._names:
                databases._client.drop_database(name)
            databases._client.close()

    def create(self) -> str:
        """The URL of a new database, without collections."""
        name = f"test_{uuid4().hex}"
        self._names.append(name)
        return f"{self._address}/{name}?{self._options}"

    def fresh(self, url: str) -> str:
        """Delete all documents of the database. Returns its URL."""
        database = self._client[url.rpartition("/")[2].partition("?")[0]]
        for name in database.list_collection_names():
            if name != "migrations":
                database[name].delete_many({})
        return url

    def nowhere(self) -> str:
        """The URL of a database that does not answer."""
        return f"mongodb://127.0.0.1:{_free_port()}/app?directConnection=true"


@contextmanager
def _server() -> Iterator[str]:
    program = local_mongodb.installed()
    if "DATABASE_URL" in os.environ or not program:
        url = os.environ.get("DATABASE_URL", DEVELOPMENT_URL)
        with local_mongodb.server(url):
            yield url
        return
    port = _free_port()
    with TemporaryDirectory() as folder, local_mongodb.local_server(program, port, Path(folder)):
        yield f"mongodb://127.0.0.1:{port}/app?directConnection=true"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
