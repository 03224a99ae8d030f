"""Databases for tests, on the server of `DATABASE_URL` or on a server that is started for the tests."""

import asyncio
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy import URL, make_url

import local_postgresql
from app.config.database import DEVELOPMENT_URL
from app.database import Base

_FAST_BUT_UNSAFE = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")


SECRETS = {"database_url": "postgresql+asyncpg://app:secret@database:5432/app"}
"""The settings that production requires."""
EXPLAIN = "EXPLAIN"
WHOLE_TABLE = "Seq Scan"
"""How a query plan shows that all rows are read."""
ANALYZE = "ANALYZE"


class Databases:
    """The databases of one test run. Other databases on the server are not touched."""

    def __init__(self, server: URL) -> None:
        self._server = server
        self._names: list[str] = []

    @classmethod
    @contextmanager
    def served(cls) -> Iterator["Databases"]:
        """The databases that a test run creates. They are removed at the end."""
        with _server() as url:
            databases = cls(url)
            yield databases
            for name in databases._names:
                databases._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def create(self) -> str:
        """The URL of a new database, without tables."""
        name = f"test_{uuid4().hex}"
        self._execute(f'CREATE DATABASE "{name}"')
        self._names.append(name)
        return self._server.set(drivername="postgresql+asyncpg", database=name).render_as_string(hide_password=False)

    def fresh(self, url: str) -> str:
        """Delete all rows of the database. Returns its URL."""
        tables = reversed(Base.metadata.sorted_tables)
        self._execute("; ".join(str(table.delete()) for table in tables), make_url(url))
        return url

    def nowhere(self) -> str:
        """The URL of a database that does not answer."""
        return f"postgresql+asyncpg://app:app@127.0.0.1:{_free_port()}/app"

    def _execute(self, statements: str, url: URL | None = None) -> None:
        asyncio.run(_execute(url or self._server, statements))


async def _execute(url: URL, statements: str) -> None:
    connection = await asyncpg.connect(url.set(drivername="postgresql").render_as_string(hide_password=False))
    await connection.execute(statements)
    await connection.close()


@contextmanager
def _server() -> Iterator[URL]:
    binaries = local_postgresql.installed()
    if "DATABASE_URL" in os.environ or not binaries:
        url = make_url(os.environ.get("DATABASE_URL", DEVELOPMENT_URL)).set(drivername="postgresql")
        with local_postgresql.server(url):
            yield url
        return
    url = URL.create("postgresql", "app", "app", "127.0.0.1", _free_port(), "app")
    with TemporaryDirectory() as folder:
        if not os.getuid():
            shutil.chown(folder, "postgres")
        with local_postgresql.local_server(binaries, url, Path(folder, "data"), *_FAST_BUT_UNSAFE):
            yield url


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
