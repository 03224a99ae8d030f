"""Services in Python: uv installs them, and modules of the package `app` run."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from tests.runtimes import WORK, Entry, exclusive

if TYPE_CHECKING:
    from tests.drills.databases import Database

MARKER = "requirements-dev.txt"
_PASSED = re.compile(r"(\d+) passed")
_COVERAGE = re.compile(r"^TOTAL\s.*?(\d+)%$", re.MULTILINE)
_SUBSCRIPTIONS = '''\
"""Handlers of the drill."""

import os
from pathlib import Path

from app.messaging import Handlers
from app.notes import take_note


async def note(session, event):
    if event.subject == "poison" and not Path("fixed").exists():
        os._exit(9)
    if event.subject == "broken" and not Path("fixed").exists():
        raise ValueError("the pot is empty")
    await take_note(session, event.subject, event.data["number"])


HANDLERS: Handlers = {"drill.noted": (note,), "order.placed": ()}
'''
_PUBLISHER = """\
import asyncio, sys

from app.config import settings
from app.database import Database
from app.messaging.events import Event, publish

async def main():
    async with Database(settings()) as database:
        first, last, *subjects = sys.argv[1:]
        for number in range(int(first), int(last)):
            async with database.transaction() as session:
                for subject in subjects:
                    event = Event(type="drill.noted", subject=subject, data={"number": number})
                    await publish(session, event, owner="drill")

asyncio.run(main())
"""
_CACHE_READER = """
import asyncio, sys
from prometheus_client import REGISTRY
from pydantic import BaseModel
from app.cache import Cache
from app.config import settings
from app.database import Database

class Answer(BaseModel):
    number: int

async def main(requests):
    cache = Cache(settings())
    async with Database(settings()) as database:
        async def load():
            await database.ping()
            await asyncio.sleep(0.5)  # a slow query
            return Answer(number=42)
        print("ready", flush=True)
        sys.stdin.readline()
        reads = [cache.get_or_load("drill", Answer, load, seconds=60) for _ in range(requests)]
        assert {answer.number for answer in await asyncio.gather(*reads)} == {42}
    await cache.aclose()
    reads = "db_client_operation_duration_seconds_count"
    print(int(REGISTRY.get_sample_value(reads, {"operation": "read"})))

asyncio.run(main(int(sys.argv[1])))
"""


@dataclass(frozen=True)
class Python:
    """The interpreter of a virtual environment."""

    interpreter: Path
    environment: ClassVar = {"PYTHONPATH": "src"}

    @property
    def publisher(self) -> list[str]:
        """A program that `add_handlers` writes."""
        return [str(self.interpreter), "publish.py"]

    @property
    def cache_reader(self) -> list[str]:
        """A program in an argument."""
        return [str(self.interpreter), "-c", _CACHE_READER]

    def command(self, entry: Entry) -> list[str]:
        """A module. Alembic and the project's own `app.migrations` take the same commands."""
        modules = {"api": "app", "worker": "app.worker", "cli": "app.cli"}
        if entry in modules:
            return [str(self.interpreter), "-m", modules[entry]]
        has_alembic = self.interpreter.with_name("alembic").exists()
        return [str(self.interpreter), "-m", "alembic" if has_alembic else "app.migrations"]

    def database_url(self, database: Database) -> str:
        """Databases of the drills name the driver of SQLAlchemy."""
        return database.url

    def add_handlers(self, project: Path, database: Database) -> None:
        """Write the handlers, and the program that publishes."""
        (project / "src/app/subscriptions.py").write_text(_SUBSCRIPTIONS)
        (project / "src/app/notes.py").write_text(database.note_taker)
        (project / "publish.py").write_text(_PUBLISHER)


def install(project: Path) -> Python:
    """A virtual environment with everything the project locks.

    One environment per content of `requirements-dev.txt`, kept under `.work/venvs`. Raises
    CalledProcessError when the lock cannot be installed.
    """
    lock = project / "requirements-dev.txt"
    venv = WORK / "venvs" / hashlib.sha256(lock.read_bytes()).hexdigest()[:16]
    interpreter = venv / "bin" / "python"
    with exclusive(venv.with_suffix(".lock")):
        if not (venv / "complete").exists():
            uv = find_uv()
            subprocess.run(
                [uv, "venv", "--quiet", "--clear", "--python", sys.executable, venv], check=True
            )
            install_lock = ["pip", "install", "--quiet", "--require-hashes", "--compile-bytecode"]
            subprocess.run([uv, *install_lock, "--python", interpreter, "-r", lock], check=True)
            (venv / "complete").touch()
    return Python(interpreter)


def count(output: str) -> tuple[int, int]:
    """What pytest and its coverage say in their last lines."""
    passed, covered = _PASSED.search(output), _COVERAGE.search(output)
    assert passed, "pytest counted no tests"
    assert covered, "no coverage was measured"
    return int(passed[1]), int(covered[1])


def find_uv() -> str:
    """The uv that `make setup` installed, else the one on the path."""
    local = WORK.parent / ".uv" / "bin" / "uv"
    if local.exists():
        return str(local)
    if found := shutil.which("uv"):
        return found
    raise FileNotFoundError("uv is not installed: run `make setup`")
