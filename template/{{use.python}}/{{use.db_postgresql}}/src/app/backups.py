"""Backups by the programs of PostgreSQL. Their version must be that of the server, or newer."""

import os
import subprocess
from pathlib import Path

from sqlalchemy import make_url

from app.config import Settings
from app.errors import BackupError


def save(settings: Settings, file: Path) -> None:
    """Save the database in a file. Others may write meanwhile: the backup has the rows of one moment.

    Raises: BackupError
    """
    _run(settings, "pg_dump", "--format=custom", f"--file={file}")


def restore(settings: Settings, file: Path) -> None:
    """Replace the tables by those of a backup, in one transaction.

    Raises: BackupError
    """
    options = ("--clean", "--if-exists", "--no-owner", "--single-transaction", "--exit-on-error")
    _run(settings, "pg_restore", *options, f"--dbname={make_url(settings.database_url).database}", str(file))


def _run(settings: Settings, program: str, *arguments: str) -> None:
    url = make_url(settings.database_url)
    # The arguments are visible in the list of processes, the environment is not.
    address = {
        "PGHOST": url.host,
        "PGPORT": url.port,
        "PGUSER": url.username,
        "PGPASSWORD": url.password,
        "PGDATABASE": url.database,
        "PGSSLMODE": url.query.get("ssl"),
    }
    environment = os.environ | {name: str(value) for name, value in address.items() if value is not None}
    try:
        subprocess.run(  # noqa: S603  # the program is one of two constants
            [program, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=True,
        )
    except FileNotFoundError as error:
        raise BackupError(f"{program} is missing: install the client programs of PostgreSQL") from error
    except subprocess.CalledProcessError as error:
        raise BackupError(error.stderr.strip()) from error
