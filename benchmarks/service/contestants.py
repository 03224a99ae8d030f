"""The servers under measurement: for a framework and a database, the generated service and the bare
app of the framework.

A framework has a line in `GOALS` and a folder in `bare/`: in Python a module `main` with an
application `app`; on Node `main.ts`, which is compiled among the sources of the generated service,
as `src/bare/main.ts`. There it finds the packages of the service, its dialect of the database and
its repository, and `orders.ts` of `bare/node`.
"""

from __future__ import annotations

import os
import shutil
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from benchmarks.service.data import fill
from benchmarks.service.load import Route, routes
from tests.combinations import TEMPLATE, axes, language
from tests.components import Process, free_ports, wait_until
from tests.drills import databases
from tests.drills.databases import Database, as_id
from tests.drills.databases.sql import SqlDatabase
from tests.runtimes import install
from tests.runtimes.node import Node
from tests.runtimes.python import Python
from tests.services import Service, generate, production_like, sign_in

GOALS: Mapping[str, Mapping[str, float]] = {
    "fastapi": {"create": 0.90, "get": 0.90, "list": 0.90},
    "fastify": {"create": 0.85, "get": 0.85, "list": 0.85, "livez": 0.70},
    "express": {"create": 0.85, "get": 0.75, "list": 0.80, "livez": 0.85},
    "nestjs": {"create": 0.85, "get": 0.80, "list": 0.85, "livez": 0.75},
}
"""The least CPU of the bare app divided by that of the generated service, for each framework."""

NAMES = ("generated", "bare")
_PRESET = "production"  # everything on
_TOKENS = 20  # signed in so often, so that the cache of verified tokens is not flattered
_BARE = Path(__file__).parent / "bare"
_USER = ("bench@example.com", "a long enough password")
_BUILT = shutil.ignore_patterns("node_modules", "dist", ".venv", ".git")


@dataclass
class Contestant:
    """A server under measurement."""

    name: str
    port: int
    launch: Callable[[], Process]
    process: Process = field(init=False)

    def start(self) -> tuple[float, float]:
        """Start it; gives the milliseconds until its first answer, and those of CPU."""
        began = time.perf_counter()
        self.process = self.launch()
        wait_until(self._answers, 20, f"{self.name} did not answer", self.process)
        return (time.perf_counter() - began) * 1000, self.cpu_seconds() * 1000

    def stop(self) -> None:
        """Kill it if it runs."""
        if hasattr(self, "process"):
            self.process.kill()

    def cpu_seconds(self) -> float:
        """User and system time that the process has used so far."""
        words = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> float:
        """Resident memory in MB."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                return connection.recv(12) == b"HTTP/1.1 200"
        except OSError:
            return False


@dataclass
class Case:
    """The contestants of one framework on one database, in the order in which they are measured."""

    framework: str
    database: SqlDatabase
    pair: list[Contestant]

    @property
    def title(self) -> str:
        """Like `fastapi, sqlite`."""
        return f"{self.framework}, {self.database.kind}"

    def routes(self) -> list[Route]:
        """The routes with tokens that were signed just now: they live 15 minutes."""
        tokens = [self._sign_in()["Authorization"] for _ in range(_TOKENS)]
        return routes(tokens, self._ids(500))

    def check(self) -> None:
        """Raises AssertionError unless both give the same orders."""
        headers = self._sign_in()
        for path in (f"/api/v1/orders/{self._ids(1)[0]}", "/api/v1/orders?limit=3"):
            urls = [f"http://127.0.0.1:{each.port}{path}" for each in self.pair]
            ours, theirs = (httpx.get(url, headers=headers).json() for url in urls)
            # A cursor is opaque.
            assert ours.get("data", ours) == theirs.get("data", theirs), f"{ours}\n{theirs}"

    def stop(self) -> None:
        """Kill what runs."""
        for contestant in self.pair:
            contestant.stop()

    def _sign_in(self) -> dict[str, str]:
        [port] = [contestant.port for contestant in self.pair if contestant.name == "generated"]
        return sign_in(f"http://127.0.0.1:{port}", *_USER)

    def _ids(self, count: int) -> list[str]:
        rows = self.database.query(f"SELECT id FROM orders ORDER BY id LIMIT {count}")
        return [as_id(text) for (text,) in rows]


def frameworks() -> list[str]:
    """Those that are offered and have goals."""
    return [name for name in axes()["framework"] if name in GOALS]


def prepare(framework: str, database: str, folder: Path, given: Path | None = None) -> Case:
    """Both contestants, on databases with 10,000 orders of one member; neither runs yet.

    `given` is a project that was generated before; it is not changed.
    """
    folder.mkdir()
    project = folder / "generated"
    chosen = {"framework": framework, "database": database}
    if given:
        shutil.copytree(given, project, ignore=_BUILT)
    else:
        flags = [f"--{name}={value}" for name, value in chosen.items()]
        generate(project, f"--preset={_PRESET}", *flags)
    answers = {**TEMPLATE.presets[_PRESET].answers, **chosen}
    service = Service(answers, project, install(project), {}, folder / "logs")
    storage = databases.create(database, f"{framework}_generated", folder)
    generated, owner_id = _generated(service, storage)
    bare = _bare(service, storage.copy(f"{framework}_bare"), owner_id, folder)
    assert isinstance(storage, SqlDatabase)
    return Case(framework, storage, [generated, bare])


def _generated(service: Service, database: Database) -> tuple[Contestant, str]:
    """The generated service, and the id of the member whose orders are in its database."""
    url = service.runtime.database_url(database)
    service.env = {"DATABASE_URL": url}
    service.migrate()
    key = service.cli("generate-key")
    service.env = production_like(url, AUTH_PRIVATE_KEY=key)
    replica = service.api()
    sign_in(replica.url, *_USER)
    replica.process.kill()
    assert isinstance(database, SqlDatabase)
    owner_id = fill(database, language(service.answers), owner=_USER[0])
    return Contestant("generated", replica.port, replica.launch), owner_id


def _bare(service: Service, database: Database, owner_id: str, folder: Path) -> Contestant:
    """The bare app with the same packages, on a copy of that database."""
    [port] = free_ports(1)
    start = _bare_in_python if isinstance(service.runtime, Python) else _bare_on_node
    command, cwd, more = start(service, folder, port)
    env = {
        "PATH": os.environ["PATH"],
        "DATABASE_URL": service.runtime.database_url(database),
        "OWNER_ID": owner_id,
        **more,
    }
    log = folder / "bare.log"
    return Contestant("bare", port, lambda: Process(command, log=log, env=env, cwd=cwd))


_Start = tuple[list[str], Path, dict[str, str]]


def _bare_in_python(service: Service, _folder: Path, port: int) -> _Start:
    assert isinstance(service.runtime, Python)
    options = ["--host=127.0.0.1", f"--port={port}", "--no-access-log", "--log-level=warning"]
    command = [str(service.runtime.interpreter), "-m", "uvicorn", "main:app", *options]
    path = {"PYTHONPATH": str(service.project / "src")}
    return command, _BARE / service.answers["framework"], path


def _bare_on_node(service: Service, folder: Path, port: int) -> _Start:
    assert isinstance(service.runtime, Node)
    project = folder / "bare"
    shutil.copytree(service.project, project, ignore=_BUILT)
    for name in ("node", service.answers["framework"]):
        shutil.copytree(_BARE / name, project / "src/bare", dirs_exist_ok=True)
    install(project)
    return [str(service.runtime.program), "dist/bare/main.js"], project, {"PORT": str(port)}
