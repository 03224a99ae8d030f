"""The steps of a proof: what runs, and how its result is counted.

The project's own checks run in the project, as its users run them. The other steps are tests of
this repository that take the row by `--row` and leave a JUnit report.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree as ET

from scaffold.template.proofs import Step
from tests.combinations import ROOT
from tests.runtimes import count
from tests.services import tool_environment

MEASURED = ("overload",)
"""The steps that measure: nothing else may run beside them."""

_TESTS = {
    "migrations": ("tests/drills/test_migrations.py",),
    "contract": ("tests/drills/test_contract.py",),
    "fuzz": ("tests/fuzz",),
    "drills": (
        "tests/drills",
        "--ignore=tests/drills/test_migrations.py",
        "--ignore=tests/drills/test_contract.py",
        "--ignore=tests/drills/test_overload.py",
        "--ignore=tests/drills/test_outage.py",
    ),
    "overload": ("tests/drills/test_overload.py", "tests/drills/test_outage.py"),
}
_LONGEST = 1500
"""The seconds after which a step is taken to hang."""


class StepFailedError(Exception):
    """A step failed; the text names its log."""


@dataclass(frozen=True)
class Outcome:
    """The counts of a step, and the properties of its report.

    `servers` maps the name of each server to its version and provenance; `drills` has what drills
    counted.
    """

    step: Step
    servers: Mapping[str, str] = field(default_factory=dict)
    drills: Mapping[str, str] = field(default_factory=dict)


def run(name: str, row: str, project: Path, logs: Path, drill_seconds: int) -> Outcome:
    """Run one step for a row; its output goes into a file in `logs`.

    Drills under load last `drill_seconds`.

    Raises:
        StepFailedError: it did not pass.
    """
    log = logs / f"{name}.log"
    begun = time.monotonic()
    if name in _TESTS:
        return _suite(name, row, log, begun, {"DRILL_SECONDS": str(drill_seconds)})
    return _own_checks(name, project, log, begun)


def _own_checks(name: str, project: Path, log: Path, begun: float) -> Outcome:
    """`make lint` or `make test` in the project."""
    target = {"lint": "lint", "tests": "test"}[name]
    output = _output(["make", target], project, tool_environment(), log)
    passed, coverage = count(project, output) if name == "tests" else (1, None)
    return Outcome(
        Step(passed=passed, failed=0, skipped=0, seconds=_since(begun), coverage=coverage)
    )


def _suite(name: str, row: str, log: Path, begun: float, env: Mapping[str, str]) -> Outcome:
    """Tests of this repository, counted by their JUnit report."""
    report = log.with_suffix(".xml")
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", *_TESTS[name], f"--row={row}"]
    _output([*command, f"--junitxml={report}"], ROOT, {**os.environ, **env}, log)
    suite = ET.parse(report).getroot()[0]  # noqa: S314 - written by our own pytest
    count = {key: int(suite.get(key, "0")) for key in ("tests", "failures", "errors", "skipped")}
    bad = count["failures"] + count["errors"]
    step = Step(
        passed=count["tests"] - bad - count["skipped"],
        failed=bad,
        skipped=count["skipped"],
        seconds=_since(begun),
    )
    if step.passed < 1 or step.skipped:
        raise StepFailedError(f"{step.passed} passed, {step.skipped} skipped: see {log}")
    return Outcome(step, _properties(suite, "server:"), _properties(suite, "drill:"))


def _properties(suite: ET.Element, prefix: str) -> dict[str, str]:
    """The properties of a report whose names begin with the prefix, without it."""
    properties = {each.get("name", ""): each.get("value", "") for each in suite.iter("property")}
    return {
        name.removeprefix(prefix): value
        for name, value in properties.items()
        if name.startswith(prefix)
    }


def _output(command: list[str], folder: Path, environment: dict[str, str], log: Path) -> str:
    with log.open("w") as stream:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(_LONGEST)
        except subprocess.TimeoutExpired:
            raise StepFailedError(f"it took more than {_LONGEST} s: see {log}") from None
        finally:
            # Make does not end its children. Ctrl-C does not reach this session.
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    if code:
        raise StepFailedError(f"exit code {code}: see {log}")
    return log.read_text(errors="replace")


def _since(begun: float) -> float:
    return round(time.monotonic() - begun, 1)
