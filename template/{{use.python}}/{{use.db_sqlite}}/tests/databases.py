"""Databases for tests: files in a temporary folder."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

_SCHEME = "sqlite+aiosqlite:///"

SECRETS: dict[str, str] = {}
"""The settings that production requires."""
EXPLAIN = "EXPLAIN QUERY PLAN"
WHOLE_TABLE = r"SCAN (?!anon_)\w+(?! USING)\b"
"""How a query plan shows that all rows of a table are read. Reading all of a subquery is allowed: it holds one page."""
ANALYZE = "ANALYZE"


class Databases:
    """The databases of one test run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = count()

    @classmethod
    @contextmanager
    def served(cls) -> Iterator["Databases"]:
        """The databases that a test run creates. They are removed at the end."""
        with TemporaryDirectory() as folder:
            yield cls(Path(folder))

    def create(self) -> str:
        """The URL of a new database, without tables."""
        return f"{_SCHEME}{self._folder}/{next(self._numbers)}.db"

    def fresh(self, url: str) -> str:
        """Copy the database, which has no rows. Returns the URL of the copy."""
        copy = self.create()
        shutil.copyfile(url.removeprefix(_SCHEME), copy.removeprefix(_SCHEME))
        return copy

    def nowhere(self) -> str:
        """The URL of a database that does not answer."""
        return f"{_SCHEME}{self._folder}/missing/app.db"
