"""Databases for tests, on the server of `DATABASE_URL` or on a server that is started for the tests."""

import asyncio
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import uuid4

import asyncmy
from sqlalchemy import URL, make_url

import local_mysql
from app.config.database import DEVELOPMENT_URL
from app.database import Base
from tests.threads import keep_greenlets

keep_greenlets()

_FAST_BUT_UNSAFE = ("--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite", "--skip-log-bin")


SECRETS = {"database_url": "mysql+asyncmy://app:secret@database:3306/app"}
"""The settings that production requires."""
EXPLAIN = "EXPLAIN"
WHOLE_TABLE = r"'(?!<derived)\w+', (?:None, )?'ALL'"
"""How a query plan shows that all rows of a table are read. Reading all of a subquery is allowed: it holds one page."""
ANALYZE = "ANALYZE TABLE"


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
            databases._execute(*(f"DROP DATABASE `{name}`" for name in databases._names))

    def create(self) -> str:
        """The URL of a new database, without tables."""
        name = f"test_{uuid4().hex}"
        self._execute(f"CREATE DATABASE `{name}`")
        self._names.append(name)
        return self._server.set(database=name).render_as_string(hide_password=False)

    def fresh(self, url: str) -> str:
        """Delete all rows of the database. Returns its URL."""
        tables = reversed(Base.metadata.sorted_tables)
        self._execute(*(str(table.delete()) for table in tables), url=make_url(url))
        return url

    def nowhere(self) -> str:
        """The URL of a database that does not answer."""
        return f"mysql+asyncmy://app:app@127.0.0.1:{_free_port()}/app"

    def _execute(self, *statements: str, url: URL | None = None) -> None:
        asyncio.run(_execute(url or self._server, statements))


async def _execute(url: URL, statements: tuple[str, ...]) -> None:
    _, options = url.get_dialect()().create_connect_args(url)
    connection = await asyncmy.connect(**options, autocommit=True)
    async with connection.cursor() as cursor:
        for statement in statements:
            await cursor.execute(statement)
    await connection.ensure_closed()


@contextmanager
def _server() -> Iterator[URL]:
    program = local_mysql.installed()
    if "DATABASE_URL" in os.environ or not program:
        url = make_url(os.environ.get("DATABASE_URL", DEVELOPMENT_URL))
        with local_mysql.server(url):
            yield url
        return
    url = URL.create("mysql+asyncmy", "root", "app", "127.0.0.1", _free_port(), "app")
    with TemporaryDirectory() as folder, local_mysql.local_server(program, url, Path(folder), *_FAST_BUT_UNSAFE):
        yield url


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port
