"""Backups by the programs of MariaDB, or else by those of MySQL."""

import os
import shutil
import subprocess
from pathlib import Path

from sqlalchemy import make_url

from app.config import Settings
from app.errors import BackupError


def save(settings: Settings, file: Path) -> None:
    """Save the database in a file. Others may write meanwhile: the backup has the rows of one moment.

    Raises: BackupError
    """
    options = ["--single-transaction", "--routines", "--triggers", f"--result-file={file}"]
    if not shutil.which("mariadb-dump"):
        options.append("--column-statistics=0")  # MariaDB has none
    _run(settings, ("mariadb-dump", "mysqldump"), *options)


def restore(settings: Settings, file: Path) -> None:
    """Replace the tables by those of a backup, one after the other: the server has no transaction for that.

    Raises: BackupError
    """
    _run(settings, ("mariadb", "mysql"), source=file)


def _run(settings: Settings, programs: tuple[str, str], *options: str, source: Path = Path(os.devnull)) -> None:
    program = next(filter(shutil.which, programs), None)
    if program is None:
        raise BackupError(f"{programs[0]} is missing: install the client programs of MariaDB or MySQL")
    url = make_url(settings.database_url)
    address = [f"--host={url.host}", f"--port={url.port or 3306}", f"--user={url.username}", "--protocol=tcp"]
    if ca := url.query.get("ssl_ca"):
        address.append(f"--ssl-ca={ca}")
    # The arguments are visible in the list of processes, the environment is not.
    environment = os.environ | {"MYSQL_PWD": str(url.password or "")}
    try:
        with source.open("rb") as rows:
            subprocess.run(  # noqa: S603  # the program is one of four constants
                [program, *address, *options, str(url.database)],
                env=environment,
                stdin=rows,
                stderr=subprocess.PIPE,
                text=True,
                check=True,
            )
    except subprocess.CalledProcessError as error:
        raise BackupError(error.stderr.strip()) from error
