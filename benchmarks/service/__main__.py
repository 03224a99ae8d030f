"""Measure generated services, everything on, beside bare apps: `python -m benchmarks.service`.

For each framework and database, the generated service and the bare app of the framework are driven
in turn, round after round, so that whatever else the machine does hits both. The figures are
medians; beside the ratio stand the quartiles of the ratios of neighbours. CPU is user and system
time of the server process (all its threads, not the database) divided by the requests it answered:
it repeats within a few percent where requests per second do not. It is measured second by second,
and its figure is the lower quartile, because other load only adds to it. The p99 is that of the
requests of all rounds, also sent second by second: what the slowest few tell must come from the
same moments. It is judged on the routes in turn ("mix"), as callers send them: a pause that one
route causes hits the requests to the others. The p99 of each route by itself is shown beside it.

BENCH_FRAMEWORKS and BENCH_DATABASES name what is measured: all offered frameworks on sqlite and
postgresql by default; mysql is possible, too. BENCH_ROUNDS (5) and BENCH_SECONDS (2, for each kind
of load, route, contestant and round) set the length: a round of a framework on a database takes 70
seconds. BENCH_PROJECT names a project that was generated before, of the one framework and database
that are named then. The table goes to stdout, the figures to .work/bench-service.json. Exit code 1
when a threshold is missed.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import harmonic_mean, median

from benchmarks.service.contestants import GOALS, NAMES, Case, Contestant, frameworks, prepare
from benchmarks.service.load import Route, pace, saturate
from tests.runtimes import WORK

RESULT = WORK / "bench-service.json"
FRAMEWORKS = os.environ.get("BENCH_FRAMEWORKS", "").split() or frameworks()
DATABASES = os.environ.get("BENCH_DATABASES", "sqlite postgresql").split()
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))
SECONDS = int(os.environ.get("BENCH_SECONDS", "2"))
PROJECT = Path(os.environ["BENCH_PROJECT"]) if "BENCH_PROJECT" in os.environ else None
STARTS = 5
PROBE = "livez"  # its latency is that of the requests beside it
# A create under an idempotency key asks and stores more than the bare app, so it is only shown.
MIXED = ("get", "list", "create")
MIX = "mix"

CPU, RPS, P95, P99 = "CPU µs/request", "requests/s", "p95 ms, half load", "p99 ms, fixed rate"
START, START_CPU = "start to first answer ms", "CPU ms to first answer"
MEMORY, LOADED = "memory MB at start", "memory MB after load"
MOST_P95_MS = 100
MOST_RATE = 400  # requests a second, where the machine is fast enough for half of saturation
MOST_P99_RATIO = 1.10  # generated / bare; the tenth is the noise of a shared machine

# Samples by route ("" for the whole process), measure and contestant.
Samples = dict[tuple[str, str, str], list[float]]


@dataclass
class Measured:
    """A framework on a database, and what was measured."""

    case: Case
    samples: Samples = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True)
class Figure:
    """What the samples of one measure come to."""

    framework: str
    database: str
    route: str
    measure: str
    generated: float
    bare: float
    ratio: float
    """How the generated service compares: above 1 is better than bare."""
    quartiles: tuple[float, float]
    """Of the ratios of neighbours, one sample of each."""


def main() -> int:
    """Run the whole comparison; gives the exit code."""
    if complaint := _complaint():
        print(f"error: {complaint}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="scaffold-bench-") as folder:
        figures = _measure(Path(folder))
    print(_table(figures))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps([vars(figure) for figure in figures], indent=2) + "\n")
    missed = _missed(figures)
    for line in missed:
        print(f"error: {line}", file=sys.stderr)
    return 1 if missed else 0


def _complaint() -> str:
    """Why nothing can be measured; empty if it can."""
    if not shutil.which("wrk"):
        return "wrk is not installed\n\nhint: apt-get install wrk"
    if unknown := set(FRAMEWORKS) - set(frameworks()):
        known = ", ".join(frameworks())
        return f"BENCH_FRAMEWORKS: {unknown.pop()} cannot be measured\n\nhint: known are {known}"
    if PROJECT and len(FRAMEWORKS) * len(DATABASES) > 1:
        return "BENCH_PROJECT needs one framework and one database\n\nhint: name both"
    return ""


def _measure(folder: Path) -> list[Figure]:
    measured: list[Measured] = []
    try:
        for framework in FRAMEWORKS:
            for database in DATABASES:
                _say(f"{framework} on {database} is prepared")
                case = prepare(framework, database, folder / f"{framework}-{database}", PROJECT)
                measured.append(Measured(case))
                _measure_starts(*_parts(measured[-1]))
        for each in measured:
            for contestant in each.case.pair:
                contestant.start()
            each.case.check()
        for number in range(ROUNDS):
            for each in measured:
                _say(f"round {number + 1} of {ROUNDS}, {each.case.title}")
                _measure_round(each.case, folder, each.samples)
                each.case.pair.reverse()
        for each in measured:
            for contestant in each.case.pair:
                each.samples["", LOADED, contestant.name].append(contestant.memory())
    finally:
        for each in measured:
            each.case.stop()
    return [figure for each in measured for figure in _figures(each)]


def _parts(measured: Measured) -> tuple[list[Contestant], Samples]:
    return measured.case.pair, measured.samples


def _measure_starts(pair: list[Contestant], samples: Samples) -> None:
    for _ in range(STARTS):
        for contestant in pair:
            wall, cpu = contestant.start()
            samples["", START, contestant.name].append(wall)
            samples["", START_CPU, contestant.name].append(cpu)
            samples["", MEMORY, contestant.name].append(contestant.memory())
            contestant.stop()


def _measure_round(case: Case, folder: Path, samples: Samples) -> None:
    pair, routes = case.pair, case.routes()
    for route in routes:
        script = folder / f"{route.name}.lua"
        script.write_text(route.script)
        _measure_cpu(pair, route.name, script, samples)
        if route.name != PROBE:
            _measure_latencies(pair, route, samples)
    mix, seconds = _mixed(routes), SECONDS * len(MIXED)
    rate = min(MOST_RATE, 0.5 * min(_saturation_of_mix(c, samples) for c in pair))
    _alternate(pair, mix, rate, seconds, samples)


def _measure_cpu(pair: list[Contestant], route: str, script: Path, samples: Samples) -> None:
    for contestant in pair:
        saturate(contestant.port, script, 1)
    for _ in range(SECONDS):
        for contestant in pair:
            before = contestant.cpu_seconds()
            requests, seconds = saturate(contestant.port, script, 1)
            used = contestant.cpu_seconds() - before
            samples[route, CPU, contestant.name].append(used / requests * 1e6)
            samples[route, RPS, contestant.name].append(requests / seconds)


def _measure_latencies(pair: list[Contestant], route: Route, samples: Samples) -> None:
    saturation = {c.name: median(samples[route.name, RPS, c.name]) for c in pair}
    for contestant in pair:
        half = pace(contestant.port, route, saturation[contestant.name] / 2, SECONDS)
        samples[route.name, P95, contestant.name].append(_percentile(half, 95) * 1000)
    fixed = min(MOST_RATE, 0.5 * min(saturation.values()))
    _alternate(pair, route, fixed, SECONDS, samples)


def _alternate(
    pair: list[Contestant], route: Route, rate: float, seconds: int, samples: Samples
) -> None:
    """Send to each for so many seconds at this rate, taking turns every second."""
    for _ in range(seconds):
        for contestant in pair:
            latencies = pace(contestant.port, route, rate, 1)
            samples[route.name, P99, contestant.name] += [1000 * each for each in latencies]


def _mixed(routes: list[Route]) -> Route:
    """Some of the routes in turn."""
    mixed = [route for route in routes if route.name in MIXED]
    return Route(MIX, "", lambda number: mixed[number % len(mixed)].request(number // len(mixed)))


def _saturation_of_mix(contestant: Contestant, samples: Samples) -> float:
    """Requests per second, from those of the single routes so far."""
    single = [median(samples[route, RPS, contestant.name]) for route in MIXED]
    return harmonic_mean(single)


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[len(values) * percent // 100]


def _figures(measured: Measured) -> list[Figure]:
    measures = sorted({(route, what) for route, what, _ in measured.samples})
    return [_figure(measured, route, what) for route, what in measures]


def _figure(measured: Measured, route: str, what: str) -> Figure:
    case = measured.case
    both = [measured.samples[route, what, name] for name in NAMES]
    percent = {CPU: 25, P99: 99}.get(what, 50)
    generated, bare = (_percentile(values, percent) for values in both)
    ratio = _ratio(what, generated, bare)
    single = [ratio] if what == P99 else [_ratio(what, *each) for each in zip(*both, strict=True)]
    low, high = (_percentile(single, percent) for percent in (25, 75))
    return Figure(
        case.framework,
        case.database.kind,
        route,
        what,
        generated=round(generated, 1),
        bare=round(bare, 1),
        ratio=round(ratio, 2),
        quartiles=(round(low, 2), round(high, 2)),
    )


def _ratio(what: str, generated: float, bare: float) -> float:
    return generated / bare if what == RPS else bare / generated


def _table(figures: list[Figure]) -> str:
    lines = []
    title = ""
    for each in figures:
        if title != (title := f"{each.framework}, {each.database}"):
            heads = f"{'generated':>10} {'bare':>10} {'ratio':>7} {'quartiles':>12}"
            lines.append(f"{title:37} {heads}")
        lines.append(
            f"{each.route or 'process':10} {each.measure:26} {each.generated:>10.1f}"
            f" {each.bare:>10.1f} {each.ratio:>7.2f} {'{:.2f}-{:.2f}'.format(*each.quartiles):>12}"
        )
    return "\n".join(lines)


def _missed(figures: list[Figure]) -> list[str]:
    """One line for each threshold that does not hold."""
    missed = []
    for each in figures:
        about = f"{each.framework}, {each.database}, {each.route}"
        goal = GOALS[each.framework].get(each.route, 0)
        if each.measure == CPU and each.ratio < goal:
            missed.append(f"{about}: {each.ratio} of the bare app by CPU, not {goal}")
        if each.measure == P95 and each.generated >= MOST_P95_MS:
            missed.append(f"{about}: p95 of {each.generated} ms, not under {MOST_P95_MS} ms")
        if each.measure == P99 and each.ratio < 1 / MOST_P99_RATIO and each.route == MIX:
            missed.append(f"{about}: p99 of {each.generated} ms, bare {each.bare} ms")
    return missed


def _say(what: str) -> None:
    """Tell how far it is, and how busy the machine was in the last minute."""
    print(f"{what}; load {os.getloadavg()[0]:.1f}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
