"""CI proves the rows that have changed, and a sample of the others.

The sample is another row each day, so that each is proven again in turn on a new machine.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.proofs.ledger import Ledger, Wanted
from tests.proofs.prove import AT_ONCE, lacks_proof, prove, wanted_rows

BUDGET_SECONDS = AT_ONCE * 45 * 60
"""The most that the recorded seconds of the rows that CI proves may add up to."""

SAMPLE = 1


def test_the_changed_rows_and_a_sample_are_proven() -> None:
    ledger = Ledger()
    with wanted_rows() as wanted:
        changed = [row for row in wanted if lacks_proof(row, ledger)]
        others = [row for row in wanted if row not in changed]
        seconds = [sum(step.seconds for step in p.steps.values()) for p in ledger.proofs().values()]
        budget = int(BUDGET_SECONDS / max(seconds)) if seconds else 1
        if len(changed) > budget:
            ids = ", ".join(row.id for row in changed)
            pytest.fail(f"too many rows lack a proof, run `make prove`: {ids}", pytrace=False)
        failed = prove([*changed, *sample(others, budget - len(changed))], None)
    assert [candidate.failure for candidate in failed] == []


def sample(rows: list[Wanted], most: int) -> list[Wanted]:
    """The rows of today: all come in turn."""
    day = datetime.now(UTC).date().toordinal()
    return [rows[(day + number) % len(rows)] for number in range(min(SAMPLE, most, len(rows)))]
