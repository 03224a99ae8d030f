"""Times scaffold against copier on the same template: `python -m benchmarks.tool`.

Whole processes, interleaved, wall-clock and CPU seconds. Both render the same tree; `scaffold new`
makes the first git commit as well. Exits with 1 when scaffold is not the faster one.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "9"))
SCAFFOLD = [str(Path(sys.executable).with_name("scaffold"))]
COPIER = [str(Path(sys.executable).with_name("copier"))]

Sample = tuple[float, float]


def main() -> None:
    """Measure, print a table, write JSON to the file that BENCH_JSON names."""
    with tempfile.TemporaryDirectory() as folder:
        template = export(Path(folder))
        pairs = {
            "help": ([*SCAFFOLD, "--help"], [*COPIER, "--help"]),
            "new": (
                [*SCAFFOLD, "new", "{out}", "--defaults", "--template", template],
                [*COPIER, "copy", "--quiet", "--defaults", "--data=name=shop", template, "{out}"],
            ),
        }
        results = {
            name: compare(ours, theirs, Path(folder)) for name, (ours, theirs) in pairs.items()
        }
    show(results)
    if target := os.environ.get("BENCH_JSON"):
        Path(target).write_text(json.dumps(results, indent=2) + "\n")
    sys.exit(any(result["ratio"] >= 1 for result in results.values()))


def export(folder: Path) -> str:
    """A copy of the template as a release would be: a git repository with a tag."""
    template = folder / "template"
    shutil.copytree(ROOT / "template", template / "template")
    shutil.copy(ROOT / "copier.yml", template)
    identity = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "Release"], ["tag", "v1.0.0"]):
        subprocess.run(["git", *identity, *command], cwd=template, check=True)
    return str(template)


def compare(ours: Sequence[str], theirs: Sequence[str], folder: Path) -> dict[str, float]:
    """Medians in seconds, one run of each in turn; `ratio` is wall-clock, ours to theirs."""
    samples: dict[str, list[Sample]] = {"scaffold": [], "copier": []}
    for round_ in range(ROUNDS + 1):
        for name, command in (("scaffold", ours), ("copier", theirs)):
            sample = timed(command, folder / name / str(round_) / "shop")
            if round_:  # the first round warms the disk cache
                samples[name].append(sample)
    wall = {name: median(sample[0] for sample in taken) for name, taken in samples.items()}
    cpu = {name: median(sample[1] for sample in taken) for name, taken in samples.items()}
    return {
        "scaffold_wall": wall["scaffold"],
        "copier_wall": wall["copier"],
        "scaffold_cpu": cpu["scaffold"],
        "copier_cpu": cpu["copier"],
        "ratio": wall["scaffold"] / wall["copier"],
    }


def timed(command: Sequence[str], out: Path) -> Sample:
    """Wall-clock and CPU seconds of one process and its children."""
    out.parent.mkdir(parents=True, exist_ok=True)
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [word.replace("{out}", str(out)) for word in command],
        check=True, stdin=subprocess.DEVNULL, capture_output=True,
    )  # fmt: skip
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def show(results: Mapping[str, Mapping[str, float]]) -> None:
    """Print the table."""
    print(f"The tool, {ROUNDS} rounds, medians in seconds")
    print(f"{'':8}{'scaffold':>10}{'copier':>10}{'ratio':>8}{'CPU':>10}{'CPU':>10}")
    for name, result in results.items():
        print(
            f"{name:8}{result['scaffold_wall']:10.3f}{result['copier_wall']:10.3f}"
            f"{result['ratio']:8.2f}{result['scaffold_cpu']:10.3f}{result['copier_cpu']:10.3f}"
        )


if __name__ == "__main__":
    main()
