"""Run a command with a MySQL server for development: `python scripts/local_mysql.py make serve`.

If the server of `DATABASE_URL` answers, the command uses it. Otherwise, a server is started on that port. This is the
MariaDB or MySQL installed here (it stops after the command, and keeps its data in `.data`) or the container of
compose.yaml.
"""

import asyncio
import getpass
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncmy
from asyncmy.errors import MySQLError, OperationalError
from sqlalchemy import URL, make_url

from app import dialect
from app.config import settings_or_exit
from local_servers import container_starts, fail, run_command, running, wait_until


def main() -> None:
    run_command(server(make_url(settings_or_exit().database_url)))


@contextmanager
def server(url: URL) -> Iterator[None]:
    """A server that answers at `url` while the context lasts."""
    if asyncio.run(_answers(url)):
        yield
    elif url.host not in ("localhost", "127.0.0.1"):
        fail(f"no MySQL answers at {url.host}", "start it, or correct DATABASE_URL")
    elif program := installed():
        with local_server(program, url, Path(".data").absolute()):
            yield
    elif container_starts("database"):
        yield
    else:
        fail("there is no MySQL here", "install MariaDB, MySQL or Docker, or set DATABASE_URL to a server")


def installed() -> Path | None:
    """The server program of MariaDB or MySQL. Debian installs it in a folder that is not on the PATH of every user."""
    path = f"{os.environ['PATH']}:/usr/sbin"
    found = shutil.which("mariadbd", path=path) or shutil.which("mysqld", path=path)
    return Path(found) if found else None


@contextmanager
def local_server(program: Path, url: URL, folder: Path, *options: str) -> Iterator[None]:
    """Start a server with its data in a folder, and stop it at the end. `options` are for the server."""
    data, log = folder / "data", folder / "log"
    folder.mkdir(parents=True, exist_ok=True)
    if not (data / "mysql").exists():
        _create_data(program, data, log)
    command = [str(program), *_common_options(data), f"--port={url.port}", "--bind-address=127.0.0.1"]
    command += ["--socket=mysql.sock", f"--init-file={_write_grants(folder, url)}", *options]
    with running(command, log) as process:
        wait_until(lambda: _can_connect(url), process, "MySQL", f"see {log}")
        yield


async def _answers(url: URL) -> bool:
    try:
        await _connect_and_close(url)
    except OperationalError as error:
        if dialect.is_misconfigured(error):
            hint = "set DATABASE_URL in .env to another port or user"
            fail(f"the MySQL at port {url.port} says: {error.args[-1]}", hint)
        return False
    return True


async def _connect_and_close(url: URL) -> None:
    _, options = url.get_dialect()().create_connect_args(url)
    connection = await asyncmy.connect(**options, connect_timeout=dialect.CONNECT_TIMEOUT_SECONDS)
    await connection.ensure_closed()


def _can_connect(url: URL) -> bool:
    try:
        asyncio.run(_connect_and_close(url))
    except MySQLError:
        return False
    return True


def _create_data(program: Path, data: Path, log: Path) -> None:
    if program.name == "mysqld":
        command = [str(program), *_common_options(data), "--initialize-insecure"]
    else:
        options = ["--auth-root-authentication-method=normal", "--skip-test-db"]
        command = ["mariadb-install-db", *_common_options(data), *options]
    with running(command, log) as process:
        if process.wait():
            shutil.rmtree(data, ignore_errors=True)
            fail(f"{Path(command[0]).name} failed", f"see {log}")


def _common_options(data: Path) -> list[str]:
    # Without the settings of this machine. The server refuses to run as root unless it is told to.
    return ["--no-defaults", f"--datadir={data}", f"--user={getpass.getuser()}"]


def _write_grants(folder: Path, url: URL) -> Path:
    """Write the statements that the server executes at its start. They create the user and the database of the URL."""
    account = f"{_quoted(url.username or '')}@'localhost'"
    path = folder / "grants.sql"
    path.touch(mode=0o600)
    path.write_text(
        f"CREATE USER IF NOT EXISTS {account};\n"
        f"ALTER USER {account} IDENTIFIED BY {_quoted(str(url.password or ''))};\n"
        f"GRANT ALL ON *.* TO {account} WITH GRANT OPTION;\n"
        f"CREATE DATABASE IF NOT EXISTS `{url.database}`;\n"
    )
    return path


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


if __name__ == "__main__":
    main()
