"""Backups of the database file."""

import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import make_url

from app.config import Settings
from app.errors import BackupError


def save(settings: Settings, file: Path) -> None:
    """Save the database in a file. Others may write meanwhile: the backup has the rows of one moment.

    Raises: BackupError
    """
    _copy(_database(settings), file)
    with closing(sqlite3.connect(file)) as backup:
        # So that the backup is one file: in WAL mode, there are two more beside it.
        backup.execute("PRAGMA journal_mode = DELETE")


def restore(settings: Settings, file: Path) -> None:
    """Replace the database by a backup, in one transaction.

    Raises: BackupError
    """
    _copy(file, _database(settings))


def _database(settings: Settings) -> Path:
    return Path(make_url(settings.database_url).database or "")


def _copy(source: Path, target: Path) -> None:
    try:
        # Read-only, because SQLite would create a missing file.
        reading = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)
        with closing(reading) as reader, closing(sqlite3.connect(target)) as writer:
            reader.backup(writer)
    except sqlite3.Error as error:
        raise BackupError(f"cannot copy {source} to {target}: {error}") from error
