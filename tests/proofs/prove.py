"""Proves the rows that the ledger lacks: `python -m tests.proofs.prove [ROW…]`, or `make prove`.

First come the rows without a valid proof, then the outdated steps of the others. The rows are
proven in batches: first the steps that measure nothing, of three rows at a time, then those that
measure, one after the other. Each row is written to the ledger as soon as it is complete. A later
run goes on after the steps of a row that have passed, while neither its project nor their tests
change. The table in the README follows the ledger. `--check` only prints what is to be proven.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from scaffold.template.proofs import Proof, Step
from tests.combinations import ROOT, row_id, rows, written
from tests.proofs import readme, steps
from tests.proofs.ledger import (
    LONG_DRILL,
    SHORT_DRILL,
    STEPS,
    Ledger,
    Wanted,
    faults,
    long_drills,
    outdated,
    rendered_hash,
    suite_hashes,
    today,
    unproven,
)
from tests.runtimes import WORK
from tests.tool.conftest import export

LOGS = WORK / "proofs"
AT_ONCE = 3
BATCH = 6


@dataclass
class Candidate:
    """A row that is being proven. `date` is that of its oldest step; empty before the first."""

    wanted: Wanted
    steps: dict[str, Step] = field(default_factory=dict)
    servers: dict[str, str] = field(default_factory=dict)
    drills: dict[str, str] = field(default_factory=dict)
    date: str = ""
    failure: str = ""

    @property
    def logs(self) -> Path:
        """The folder of its logs."""
        return LOGS / self.wanted.id

    def keep(self, proof: Proof) -> None:
        """Take over the steps of a proof whose tests have not changed since."""
        self.steps = self._current(proof.steps)
        self.servers, self.drills = dict(proof.servers), dict(proof.drills)
        self.date = proof.date if self.steps else ""

    def resume(self) -> None:
        """Take over the steps that have passed before, if they proved the same."""
        kept = json.loads(self._passed.read_text()) if self._passed.exists() else {}
        if kept.get("proves") == self._proves:
            passed = {name: Step(**step) for name, step in kept["steps"].items()}
            self.steps |= self._current(passed)
            self.servers |= kept["servers"]
            self.drills |= kept["drills"]
            self.date = kept["date"]
        else:
            shutil.rmtree(self.logs, ignore_errors=True)
            self.logs.mkdir(parents=True)

    def forget(self) -> None:
        """Let the next run begin with the first step."""
        self._passed.unlink(missing_ok=True)

    def prove(self, names: Iterable[str]) -> None:
        """Run those of these steps that have not passed; stop at the first that fails."""
        for name in names:
            if self.failure:
                return
            if name in self.steps:
                continue
            try:
                outcome = steps.run(
                    name,
                    self.wanted.id,
                    self.wanted.project,
                    self.logs,
                    self.wanted.drill_seconds,
                )
            except steps.StepFailedError as error:
                self.failure = f"{name}: {error}"
                tell(f"{self.wanted.id}: {self.failure}")
            else:
                self.steps[name] = replace(outcome.step, suite=self.wanted.suites[name])
                self.servers |= outcome.servers
                self.drills |= outcome.drills
                self._keep()
                count, seconds = outcome.step.passed, outcome.step.seconds
                tell(f"{self.wanted.id}: {name}: {count} passed in {seconds:.0f} s")

    def proof(self) -> Proof:
        """The proof, when all steps have passed."""
        return Proof(
            id=self.wanted.id,
            answers=dict(self.wanted.answers),
            rendered=self.wanted.rendered,
            steps={name: self.steps[name] for name in STEPS},
            servers=dict(sorted(self.servers.items())),
            date=self.date,
            drills=self.drills,
        )

    @property
    def _passed(self) -> Path:
        return self.logs / "passed.json"

    @property
    def _proves(self) -> list[Any]:
        """What the steps depend on, beside their tests."""
        return [self.wanted.rendered, self.wanted.drill_seconds]

    def _current(self, passed: Mapping[str, Step]) -> dict[str, Step]:
        """Those of these steps whose tests are the current ones."""
        return {
            name: step for name, step in passed.items() if step.suite == self.wanted.suites[name]
        }

    def _keep(self) -> None:
        steps = {name: asdict(step) for name, step in self.steps.items()}
        self.date = self.date or today()
        kept = {"steps": steps, "servers": self.servers, "drills": self.drills, "date": self.date}
        draft = self._passed.with_suffix(".draft")
        draft.write_text(json.dumps({"proves": self._proves, **kept}))
        draft.replace(self._passed)


def main() -> int:
    """Prove rows. Returns 1 when one of them could not be proven, or is to be proven."""
    parser = argparse.ArgumentParser(prog="make prove")
    parser.add_argument("rows", nargs="*", help="ids of rows; by default those without a proof")
    parser.add_argument("--check", action="store_true", help="only print what is to be proven")
    options = parser.parse_args()
    ledger = Ledger()
    with wanted_rows() as wanted:
        known = [row.id for row in wanted]
        if unknown := set(options.rows).difference(known):
            parser.error(f"there is no row {', '.join(unknown)}; the rows are {', '.join(known)}")
        chosen = [row for row in wanted if row.id in options.rows]
        if options.check:
            return _check(chosen or wanted, ledger)
        todo = chosen or rows_to_prove(wanted, ledger)
        ledger.keep(known)
        failed = prove(todo, ledger, anew=bool(options.rows))
    readme.main()
    tell(f"{len(todo) - len(failed)} of {len(todo)} rows proven")
    for candidate in failed:
        tell(f"not proven: {candidate.wanted.id}: {candidate.failure}")
    return 1 if failed else 0


def _check(wanted: Sequence[Wanted], ledger: Ledger) -> int:
    """Print which steps of these rows are to be proven. Returns 1 when there are some."""
    found = ledger.rows()
    todo = rows_to_prove(wanted, ledger)
    for row in todo:
        steps = STEPS if lacks_proof(row, ledger) else outdated(row, found[row.id])
        tell(f"to be proven: {row.id}: {', '.join(steps)}")
    return 1 if todo else 0


def rows_to_prove(wanted: Sequence[Wanted], ledger: Ledger) -> list[Wanted]:
    """The rows that lack a valid proof, then those with outdated steps."""
    found = ledger.rows()
    lacking = [row for row in wanted if lacks_proof(row, ledger)]
    others = [row for row in wanted if row not in lacking]
    return lacking + [row for row in others if outdated(row, found[row.id])]


@contextmanager
def wanted_rows(
    root: Path = ROOT, chosen: Sequence[Mapping[str, Any]] | None = None
) -> Iterator[list[Wanted]]:
    """The rows that the ledger of the template at `root` must have, with their projects.

    All of them, unless some are `chosen`.
    """
    with tempfile.TemporaryDirectory(prefix="scaffold-proofs-") as name:
        folder = Path(name)
        template = folder / "template"
        export(template, root)
        yield [_wanted(answers, folder, template) for answers in chosen or rows()]


def _wanted(answers: Mapping[str, Any], folder: Path, template: Path) -> Wanted:
    project = written(answers, folder / row_id(answers) / "shop", template)
    is_long = row_id(answers) in long_drills(rows())
    return Wanted(
        answers,
        project,
        rendered_hash(project),
        suite_hashes(answers),
        LONG_DRILL if is_long else SHORT_DRILL,
    )


def lacks_proof(wanted: Wanted, ledger: Ledger) -> bool:
    """Whether the ledger has no valid proof of a row."""
    row = ledger.rows().get(wanted.id)
    return row is None or bool(unproven(wanted, row) or faults(wanted, row))


def prove(todo: Sequence[Wanted], ledger: Ledger | None, *, anew: bool = False) -> list[Candidate]:
    """Prove rows and enter them into the ledger, if there is one. Returns those that failed.

    Of a row with a valid proof, only the outdated steps run, unless it is to be proven `anew`.
    """
    candidates = [Candidate(wanted) for wanted in todo]
    if ledger and not anew:
        for candidate in candidates:
            if not lacks_proof(candidate.wanted, ledger):
                candidate.keep(ledger.proofs()[candidate.wanted.id])
    for start in range(0, len(candidates), BATCH):
        _prove_together(candidates[start : start + BATCH], ledger)
    return [candidate for candidate in candidates if candidate.failure]


def _prove_together(candidates: Sequence[Candidate], ledger: Ledger | None) -> None:
    for candidate in candidates:
        candidate.resume()
    unmeasured = [name for name in STEPS if name not in steps.MEASURED]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda candidate: candidate.prove(unmeasured), candidates))
    for candidate in candidates:
        candidate.prove(steps.MEASURED)
        if candidate.failure:
            continue
        candidate.forget()
        if ledger:
            ledger.enter(candidate.proof())


def tell(text: str) -> None:
    """Print a line of progress."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
