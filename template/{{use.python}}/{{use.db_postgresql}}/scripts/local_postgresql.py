"""Run a command with a PostgreSQL server for development: `python scripts/local_postgresql.py make serve`.

If the server of `DATABASE_URL` answers, the command uses it. Otherwise, a server is started on that port. This is the
PostgreSQL installed here (it stops after the command, and keeps its data in `.data`) or the container of compose.yaml.
"""

import asyncio
import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

import asyncpg  # type: ignore[import-untyped]  # it ships no types
from sqlalchemy import URL, make_url

from app.config import settings_or_exit
from local_servers import container_starts, fail, run_command


def main() -> None:
    run_command(server(make_url(settings_or_exit().database_url).set(drivername="postgresql")))


@contextmanager
def server(url: URL) -> Iterator[None]:
    """A server that answers at `url` while the context lasts."""
    if asyncio.run(_answers(url)):
        yield
    elif url.host not in ("localhost", "127.0.0.1"):
        fail(f"no PostgreSQL answers at {url.host}", "start it, or correct DATABASE_URL")
    elif binaries := installed():
        with local_server(binaries, url, _data_folder()):
            yield
    elif container_starts("database"):
        yield
    else:
        fail("there is no PostgreSQL here", "install PostgreSQL or Docker, or set DATABASE_URL to a server")


def installed() -> Path | None:
    """The folder of `initdb` on the PATH, or else that of the newest Debian package, which is not on the PATH."""
    if found := shutil.which("initdb"):
        return Path(found).parent
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    return max(folders, key=lambda folder: int(folder.parent.name), default=None)


@contextmanager
def local_server(binaries: Path, url: URL, data: Path, *options: str) -> Iterator[None]:
    """Start a server with its data in a folder, and stop it at the end. `options` are settings such as `fsync=off`."""
    if not (data / "PG_VERSION").exists():
        initdb = binaries / "initdb"
        _run(data, initdb, "--no-sync", "-E", "UTF8", "-A", "trust", f"--username={url.username}", f"--pgdata={data}")
    settings = (f"port={url.port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", *options)
    flags = " ".join(f"-c {setting}" for setting in settings)
    _run(data, binaries / "pg_ctl", "start", "--wait", f"--pgdata={data}", f"--log={data}/log", f"--options={flags}")
    try:
        asyncio.run(_create_database(url))
        yield
    finally:
        _run(data, binaries / "pg_ctl", "stop", "--mode=fast", f"--pgdata={data}")


async def _answers(url: URL) -> bool:
    try:
        connection = await asyncpg.connect(url.render_as_string(hide_password=False), timeout=3)
    except OSError:  # also raised at a timeout
        return False
    except asyncpg.PostgresError as error:
        fail(f"the PostgreSQL at port {url.port} says: {error}", "set DATABASE_URL in .env to another port or user")
    await connection.close()
    return True


def _data_folder() -> Path:
    """`.data`. For root, a folder of the user `postgres`, because PostgreSQL refuses to run as root."""
    project = Path.cwd()
    if os.getuid():
        return project / ".data"
    path_hash = hashlib.sha256(os.fsencode(project)).hexdigest()[:8]  # other projects may have the same name
    return Path(pwd.getpwnam("postgres").pw_dir, f"{project.name}-{path_hash}")


def _run(data: Path, *command: str | Path) -> None:
    user = None if os.getuid() else "postgres"
    # The server keeps the standard streams of pg_ctl open, so reading from a pipe would never end.
    with TemporaryFile("w+") as errors:
        result = subprocess.run(
            command,
            cwd="/",
            user=user,
            group=user,
            extra_groups=[] if user else None,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            check=False,
        )
        errors.seek(0)
        reason = errors.readline().strip().replace(": error:", ":", 1)
    if result.returncode:
        log = data / "log"  # of the server; initdb has none
        hint = f"see {log}" if log.exists() else "correct that, or set DATABASE_URL to a server"
        fail(reason or f"{Path(command[0]).name} failed", hint)


async def _create_database(url: URL) -> None:
    maintenance = url.set(database="postgres").render_as_string(hide_password=False)
    connection = await asyncpg.connect(maintenance)
    if not await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", url.database):
        await connection.execute(f'CREATE DATABASE "{url.database}"')
    await connection.close()


if __name__ == "__main__":
    main()
