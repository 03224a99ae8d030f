"""CI proves the rows that have changed, and a sample of the others.

The sample is another row each day, so that each is proven again in turn on a new machine. If rows
have outdated steps, it is one of them.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.proofs.ledger import Ledger, Wanted, outdated
from tests.proofs.prove import AT_ONCE, lacks_proof, prove, wanted_rows

BUDGET_SECONDS = AT_ONCE * 20 * 60
"""The most that the recorded seconds of the rows that CI proves may add up to."""

SAMPLE_SECONDS = 600
"""The most that they may be of a row that has not changed."""


def test_the_changed_rows_and_a_sample_are_proven() -> None:
    ledger = Ledger()
    recorded = {
        name: sum(step.seconds for step in proof.steps.values())
        for name, proof in ledger.proofs().items()
    }
    with wanted_rows() as wanted:
        changed = [row for row in wanted if lacks_proof(row, ledger)]
        budget = int(BUDGET_SECONDS / max(recorded.values())) if recorded else 1
        if len(changed) > budget:
            ids = ", ".join(row.id for row in changed)
            pytest.fail(f"too many rows lack a proof, run `make prove`: {ids}", pytrace=False)
        short = [
            row
            for row in wanted
            if row not in changed and recorded.get(row.id, SAMPLE_SECONDS) < SAMPLE_SECONDS
        ]
        found = ledger.rows()
        stale = [row for row in short if outdated(row, found[row.id])]
        failed = prove([*changed, *sample(stale or short, budget - len(changed))], None)
    assert [candidate.failure for candidate in failed] == []


def sample(rows: list[Wanted], most: int) -> list[Wanted]:
    """The row of today: all come in turn."""
    day = datetime.now(UTC).date().toordinal()
    return [rows[day % len(rows)]] if rows and most > 0 else []
