"""Times scaffold against copier on the same template: `python -m benchmarks.tool`.

Whole processes, interleaved, wall-clock and CPU seconds. Both end with the same files; `scaffold
new` makes the first git commit as well. Exits with 1 when scaffold needs more CPU than allowed:
`new` 1.1 times that of `copier copy`, `update` and `change` 0.7 times that of `copier update`,
`--help` 0.25 s and the first question 0.45 s, which a slow machine scales up.
"""

from __future__ import annotations

import json
import os
import pty
import resource
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "9"))
SCAFFOLD = [str(Path(sys.executable).with_name("scaffold"))]
COPIER = [str(Path(sys.executable).with_name("copier"))]
NEW, UPDATE, SAME = 1.1, 0.7, 1.0  # times the CPU of copier
CPU_SECONDS = {"help": 0.25, "question": 0.45}
USUAL_HELP_CPU = 0.4  # of `copier --help`; these machines run at half their speed at times
_LONGEST = 60  # seconds until a first question
_TICK = os.sysconf("SC_CLK_TCK")


class Sample(NamedTuple):
    """What one process took, in seconds."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Case:
    """The same task for both; `{out}` stands for the project.

    `project` is what is there before; with `questions`, the last words of each first question, the
    time ends when they are on the screen.
    """

    name: str
    ours: Sequence[str]
    theirs: Sequence[str]
    limit: float
    project: Path | None = None
    questions: tuple[str, str] | None = None


def main() -> None:
    """Measure, print a table, write JSON to the file that BENCH_JSON names."""
    # The first round is to compile both tools, as the first run of every user does.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results = {case.name: compare(case, folder / case.name) for case in cases(folder)}
    show(results)
    if target := os.environ.get("BENCH_JSON"):
        Path(target).write_text(json.dumps(results, indent=2) + "\n")
    slow = [name for name, result in results.items() if result["ratio"] > result["limit"]]
    slowness = max(1, results["help"]["copier_cpu"] / USUAL_HELP_CPU)
    slow += [
        f"{name}, above {limit} s of CPU"
        for name, limit in CPU_SECONDS.items()
        if results[name]["scaffold_cpu"] > limit * slowness
    ]
    if slow:
        sys.exit(f"slower than allowed: {', '.join(slow)}")


def cases(folder: Path) -> list[Case]:
    """All that is compared, on a template with two releases and a project of the first."""
    template = releases(folder / "template")
    shop = folder / "start" / "shop"
    git(Path(template), "checkout", "-q", "v1.0.0")
    new = ["new", "{out}", "--template", template]
    subprocess.run([*SCAFFOLD, *_at(new, shop), "--defaults"], check=True, capture_output=True)
    git(Path(template), "checkout", "-q", "-")
    copy = ["copy", "--quiet", "--vcs-ref=v1.1.0"]
    update = ["update", "--quiet", "--defaults"]
    return [
        Case("help", [*SCAFFOLD, "--help"], [*COPIER, "--help"], SAME),
        Case(
            "question",
            [*SCAFFOLD, *new],
            [*COPIER, *copy, template, "{out}"],
            SAME,
            questions=("What kind of service?", "Which framework?"),
        ),
        Case(
            "new",
            [*SCAFFOLD, *new, "--defaults"],
            [*COPIER, *copy, "--defaults", "--data=name=shop", template, "{out}"],
            NEW,
        ),
        Case(
            "update",
            [*SCAFFOLD, "update", "{out}", "--defaults"],
            [*COPIER, *update, "{out}"],
            UPDATE,
            shop,
        ),
        Case(
            "change",
            [*SCAFFOLD, "change", "database=postgresql", "--project", "{out}", "--defaults"],
            [*COPIER, *update, "--vcs-ref=:current:", "--data=database=postgresql", "{out}"],
            UPDATE,
            shop,
        ),
    ]


def releases(template: Path) -> str:
    """The template as v1.0.0, and as v1.1.0 with a line more in every page."""
    shutil.copytree(ROOT / "template", template / "template")
    shutil.copy(ROOT / "copier.yml", template)
    git(template, "init", "-q")
    release(template, "v1.0.0")
    for page in (template / "template").rglob("*.md*"):
        with page.open("a") as file:
            file.write("\nOne line more.\n")
    release(template, "v1.1.0")
    return str(template)


def release(template: Path, tag: str) -> None:
    git(template, "add", "-A")
    git(template, "commit", "-qm", tag)
    git(template, "tag", tag)


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)


def compare(case: Case, folder: Path) -> dict[str, float]:
    """Medians in seconds, one run of each in turn; `ratio` is CPU, ours to theirs."""
    samples: dict[str, list[Sample]] = {"scaffold": [], "copier": []}
    for round_ in range(ROUNDS + 1):
        for index, name in enumerate(samples):
            out = folder / name / str(round_) / "shop"
            out.parent.mkdir(parents=True)
            if case.project:
                shutil.copytree(case.project, out)
            sample = _measured(case, index)(_at((case.ours, case.theirs)[index], out))
            if round_:  # the first round warms the disk cache
                samples[name].append(sample)
    wall = {name: median(sample.wall for sample in taken) for name, taken in samples.items()}
    cpu = {name: median(sample.cpu for sample in taken) for name, taken in samples.items()}
    return {
        "scaffold_wall": wall["scaffold"],
        "copier_wall": wall["copier"],
        "scaffold_cpu": cpu["scaffold"],
        "copier_cpu": cpu["copier"],
        "ratio": cpu["scaffold"] / cpu["copier"],
        "limit": case.limit,
    }


def _measured(case: Case, index: int) -> Callable[[Sequence[str]], Sample]:
    if case.questions is None:
        return timed
    words = case.questions[index]
    return lambda command: timed_until(command, words)


def timed(command: Sequence[str]) -> Sample:
    """One process and its children, to the end."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return Sample(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def timed_until(command: Sequence[str], words: str) -> Sample:
    """One process on a terminal, until the words are on it. Then it is killed."""
    start = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", COLUMNS="100", LINES="40")
        os.execv(command[0], list(command))  # noqa: S606 - the child of a fork has no other way
    seen = b""
    try:
        while words.encode() not in seen:
            ready, _, _ = select.select([terminal], [], [], _LONGEST)
            if not ready:
                raise TimeoutError(f"{words!r} did not come: {seen!r}")
            seen += _answered(terminal, os.read(terminal, 65536))
        return Sample(time.perf_counter() - start, _cpu(pid))
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def _answered(terminal: int, output: bytes) -> bytes:
    """Tell where the cursor is when asked, as terminals do."""
    if b"\x1b[6n" in output:
        os.write(terminal, b"\x1b[1;1R")
    return output


def _cpu(pid: int) -> float:
    """Seconds of a running process and of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / _TICK


def _at(command: Sequence[str], out: Path) -> list[str]:
    return [word.replace("{out}", str(out)) for word in command]


def show(results: Mapping[str, Mapping[str, float]]) -> None:
    """Print the table."""
    print(f"The tool, {ROUNDS} rounds, medians in seconds")
    print(f"{'':10}{'scaffold':>10}{'copier':>10}{'ratio':>8}{'limit':>8}{'CPU':>10}{'CPU':>10}")
    for name, result in results.items():
        print(
            f"{name:10}{result['scaffold_wall']:10.3f}{result['copier_wall']:10.3f}"
            f"{result['ratio']:8.2f}{result['limit']:8.1f}"
            f"{result['scaffold_cpu']:10.3f}{result['copier_cpu']:10.3f}"
        )


if __name__ == "__main__":
    main()
