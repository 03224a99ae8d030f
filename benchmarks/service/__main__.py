"""Measure the generated service, everything on, beside the bare app, in one run.

Both are driven in turn, round after round, so that whatever else the machine does hits both. The
figures are medians of the rounds; the p99 is that of the requests of all rounds, sent to the one
and the other second by second: what the slowest few tell must come from the same moments. It is
judged on the routes in turn ("mix"), as callers send them: a pause that one route causes hits the
requests to the others. The p99 of each route by itself is shown beside it. CPU is
user and system time of the server process (all its threads, not the database) divided by the
requests it answered: it repeats within a few percent where requests per second do not.

BENCH_DATABASE (postgresql, mysql or sqlite) is the database. BENCH_ROUNDS (5) and BENCH_SECONDS (4,
for each kind of load, route, contestant and round) set the length. BENCH_PROJECT names a project
that was generated before. The table goes to stdout, the figures to .work/bench-service.json. Exit
code 1 when a threshold is missed.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import harmonic_mean, median

from benchmarks.service.data import fill
from benchmarks.service.load import Route, pace, routes, saturate
from tests.combinations import TEMPLATE
from tests.components import Process, free_ports, wait_until
from tests.drills import databases
from tests.drills.databases import as_id
from tests.drills.databases.sql import SqlDatabase
from tests.runtimes import WORK
from tests.runtimes.python import Python, install
from tests.services import Service, generate, production_like, sign_in

HERE = Path(__file__).parent
RESULT = WORK / "bench-service.json"
# A create under an idempotency key asks and stores more than the bare app, so it is only shown.
REQUIRED = ("get", "list", "create")
MIX = "mix"
NAMES = ("generated", "bare")
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "4"))
STARTS = 5
TOKENS = 20  # signed in so often, so that the cache of verified tokens is not flattered
DATABASE = os.environ.get("BENCH_DATABASE", "postgresql")
ANSWERS = {**TEMPLATE.presets["production"].answers, "database": DATABASE}
USER = ("bench@example.com", "a long enough password")

CPU, RPS, P95, P99 = "CPU µs/request", "requests/s", "p95 ms, half load", "p99 ms, fixed rate"
START, MEMORY, LOADED = "start to first answer ms", "memory MB at start", "memory MB after load"
LEAST_CPU_RATIO = 0.90  # bare / generated
MOST_P95_MS = 100
MOST_RATE = 400  # requests a second, where the machine is fast enough for half of saturation
MOST_P99_RATIO = 1.10  # generated / bare; the tenth is the noise of a shared machine

# Samples and what they come to, by route ("" for the whole process), measure and contestant.
Samples = dict[tuple[str, str, str], list[float]]
Figures = dict[tuple[str, str], dict[str, float]]


def main() -> int:
    """Run the whole comparison; gives the exit code."""
    if not shutil.which("wrk"):
        print("error: wrk is not installed\n\nhint: apt-get install wrk", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="scaffold-bench-") as folder:
        figures = _measure(Path(folder))
    print(_table(figures))
    result = [{"route": route, "measure": what, **each} for (route, what), each in figures.items()]
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    missed = _missed(figures)
    for line in missed:
        print(f"error: {line}", file=sys.stderr)
    return 1 if missed else 0


@dataclass
class Contestant:
    """A server under measurement."""

    name: str
    port: int
    launch: Callable[[], Process]
    process: Process = field(init=False)

    def start(self) -> float:
        """Start it; gives the milliseconds until it answered for the first time."""
        began = time.perf_counter()
        self.process = self.launch()
        wait_until(self._answers, 20, f"{self.name} did not answer", self.process)
        return (time.perf_counter() - began) * 1000

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


def _measure(folder: Path) -> Figures:
    database = databases.create(DATABASE, "generated", folder)
    assert isinstance(database, SqlDatabase)
    service, generated, owner_id = _generated(folder, database)
    assert isinstance(service.runtime, Python)
    bare = _bare(folder, database, service.runtime.interpreter, owner_id)
    samples: Samples = defaultdict(list)
    pair = [generated, bare]
    try:
        _measure_starts(pair, samples)
        for contestant in pair:
            contestant.start()
        for number in range(ROUNDS):
            print(f"round {number + 1} of {ROUNDS}", file=sys.stderr, flush=True)
            _measure_round(pair, _fresh_routes(generated, database), folder, samples)
            pair.reverse()
        for contestant in pair:
            samples["", LOADED, contestant.name].append(contestant.memory())
    finally:
        for contestant in pair:
            contestant.process.kill()
        service.stop()
    return _summary(samples)


def _generated(folder: Path, database: SqlDatabase) -> tuple[Service, Contestant, str]:
    """The generated service, on a database with 10,000 orders of one member, whose id it gives."""
    project = _project(folder)
    url = database.url
    service = Service(ANSWERS, project, install(project), {"DATABASE_URL": url}, folder / "logs")
    service.migrate()
    key = service.cli("generate-key")
    service.env = production_like(url, AUTH_PRIVATE_KEY=key)
    replica = service.api()
    sign_in(replica.url, *USER)
    replica.process.kill()
    owner_id = fill(database, owner=USER[0])
    return service, Contestant("generated", replica.port, replica.launch), owner_id


def _bare(folder: Path, database: SqlDatabase, python: Path, owner_id: str) -> Contestant:
    """The bare app with the same packages, on a copy of that database."""
    copy = database.copy("bare")
    port = free_ports(1)[0]
    options = ["--host=127.0.0.1", f"--port={port}", "--no-access-log", "--log-level=warning"]
    return Contestant(
        "bare",
        port,
        lambda: Process(
            [str(python), "-m", "uvicorn", "bare:app", *options],
            log=folder / "bare.log",
            env={
                "PATH": os.environ["PATH"],
                "DATABASE_URL": copy.url,
                "OWNER_ID": owner_id,
            },
            cwd=HERE,
        ),
    )


def _project(folder: Path) -> Path:
    if given := os.environ.get("BENCH_PROJECT"):
        return Path(given)
    return generate(folder / "bench", "--preset", "production", "--database", DATABASE)


def _fresh_routes(generated: Contestant, database: SqlDatabase) -> list[Route]:
    """The routes with tokens that were signed just now: they live 15 minutes."""
    url = f"http://127.0.0.1:{generated.port}"
    tokens = [sign_in(url, *USER)["Authorization"] for _ in range(TOKENS)]
    ids = database.query("SELECT id FROM orders ORDER BY id LIMIT 500")
    return routes(tokens, [as_id(text) for (text,) in ids])


def _measure_starts(pair: list[Contestant], samples: Samples) -> None:
    for _ in range(STARTS):
        for contestant in pair:
            samples["", START, contestant.name].append(contestant.start())
            samples["", MEMORY, contestant.name].append(contestant.memory())
            contestant.process.kill()


def _measure_round(
    pair: list[Contestant], routes: list[Route], folder: Path, samples: Samples
) -> None:
    for route in routes:
        script = folder / f"{route.name}.lua"
        script.write_text(route.script)
        for contestant in pair:
            saturate(contestant.port, script, 1)
            before = contestant.cpu_seconds()
            requests, seconds = saturate(contestant.port, script, SECONDS)
            used = contestant.cpu_seconds() - before
            samples[route.name, CPU, contestant.name].append(used / requests * 1e6)
            samples[route.name, RPS, contestant.name].append(requests / seconds)
        saturation = {c.name: median(samples[route.name, RPS, c.name]) for c in pair}
        fixed = min(MOST_RATE, 0.5 * min(saturation.values()))
        for contestant in pair:
            half = pace(contestant.port, route, saturation[contestant.name] / 2, SECONDS)
            samples[route.name, P95, contestant.name].append(_percentile(half, 95))
        _alternate(pair, route, fixed, SECONDS, samples)
    mix, seconds = _mixed(routes), SECONDS * len(REQUIRED)
    rate = min(MOST_RATE, 0.5 * min(_saturation_of_mix(c, samples) for c in pair))
    _alternate(pair, mix, rate, seconds, samples)


def _alternate(
    pair: list[Contestant], route: Route, rate: float, seconds: int, samples: Samples
) -> None:
    """Send to each for so many seconds at this rate, taking turns every second."""
    for _ in range(seconds):
        for contestant in pair:
            samples[route.name, P99, contestant.name] += pace(contestant.port, route, rate, 1)


def _mixed(routes: list[Route]) -> Route:
    """The required routes in turn."""
    mixed = [route for route in routes if route.name in REQUIRED]
    return Route(MIX, "", lambda number: mixed[number % len(mixed)].request(number // len(mixed)))


def _saturation_of_mix(contestant: Contestant, samples: Samples) -> float:
    """Requests per second, from those of the single routes so far."""
    single = [median(samples[route, RPS, contestant.name]) for route in REQUIRED]
    return harmonic_mean(single)


def _percentile(seconds: list[float], percent: int) -> float:
    """In milliseconds."""
    return sorted(seconds)[len(seconds) * percent // 100] * 1000


def _summary(samples: Samples) -> Figures:
    figures: Figures = defaultdict(dict)
    for (route, what, name), values in samples.items():
        value = _percentile(values, 99) if what == P99 else median(values)
        figures[route, what][name] = round(value, 1)
    return dict(figures)


def _table(figures: Figures) -> str:
    """Ratios say how the generated service compares: above 1 is better than bare."""
    lines = [f"{'':8} {'':26} {'generated':>10} {'bare':>10} {'ratio':>7}"]
    for (route, what), each in sorted(figures.items()):
        columns = " ".join(f"{each[name]:>10.1f}" for name in NAMES)
        lines.append(f"{route or 'process':8} {what:26} {columns} {_ratio(what, each):>7.2f}")
    return "\n".join(lines)


def _ratio(what: str, each: dict[str, float]) -> float:
    generated, bare = (each[name] for name in NAMES)
    return generated / bare if what == RPS else bare / generated


def _missed(figures: Figures) -> list[str]:
    """One line for each threshold that does not hold."""
    missed = []
    for (route, what), each in sorted(figures.items()):
        ratio = _ratio(what, each)
        if what == CPU and ratio < LEAST_CPU_RATIO and route in REQUIRED:
            missed.append(f"{route}: {ratio:.2f} of the bare app by CPU, not {LEAST_CPU_RATIO}")
        if what == P95 and each["generated"] >= MOST_P95_MS:
            missed.append(f"{route}: p95 of {each['generated']} ms, not under {MOST_P95_MS} ms")
        if what == P99 and ratio < 1 / MOST_P99_RATIO and route == MIX:
            missed.append(f"{route}: p99 of {each['generated']} ms, bare {each['bare']} ms")
    return missed


if __name__ == "__main__":
    sys.exit(main())
