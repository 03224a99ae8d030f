"""Checks the rest of the full matrix: `python -m tests.proofs.matrix [ID…]`, or `make matrix`.

The rows of the ledger have each pair of choices. The full matrix has each database with each queue
and each way to authenticate, too. For the combinations that are no rows, the project's own checks
run: `make lint` and `make test`, which migrates up, down and up. The ledger does not record them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.combinations import matrix, row_id, written
from tests.proofs import steps
from tests.proofs.prove import AT_ONCE, LOGS, tell
from tests.tool.conftest import export


def main() -> int:
    """Check the combinations that are named, by default all. Returns 1 when one of them fails."""
    parser = argparse.ArgumentParser(prog="make matrix")
    parser.add_argument("ids", nargs="*", help="ids of combinations; by default all")
    ids = parser.parse_args().ids
    known = {row_id(answers): answers for answers in matrix()}
    if unknown := set(ids).difference(known):
        parser.error(f"the matrix has no {', '.join(unknown)}; it has {', '.join(known)}")
    todo = [known[each] for each in ids or known]
    with tempfile.TemporaryDirectory(prefix="scaffold-matrix-") as name:
        folder = Path(name)
        export(folder / "template")
        with ThreadPoolExecutor(AT_ONCE) as pool:
            passed = list(pool.map(lambda answers: _passes(answers, folder), todo))
    tell(f"{sum(passed)} of {len(todo)} combinations passed")
    return 0 if all(passed) else 1


def _passes(answers: Mapping[str, Any], folder: Path) -> bool:
    row = row_id(answers)
    project = written(answers, folder / row / "shop", folder / "template")
    logs = LOGS / row
    logs.mkdir(parents=True, exist_ok=True)
    try:
        for name in ("lint", "tests"):
            step = steps.run(name, row, project, logs, 0).step
            tell(f"{row}: {name}: {step.passed} passed in {step.seconds:.0f} s")
    except steps.StepFailedError as error:
        tell(f"{row}: {error}")
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
