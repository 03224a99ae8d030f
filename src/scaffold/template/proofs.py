"""Reads the ledger of proofs: which combinations of choices were shown to work, and how.

The ledger is a file of the template. It has one line of JSON for each combination; the tests of
this repository write it (`make prove`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LEDGER = "_proofs/ledger.jsonl"
"""The path of the ledger in the folder that is rendered."""


@dataclass(frozen=True)
class Step:
    """A part of a proof. `passed`, `failed` and `skipped` are counts, `seconds` is wall-clock time.

    `suite` is the hash of the tests that proved it. `coverage` is in percent, for steps that
    measure it.
    """

    passed: int
    failed: int
    skipped: int
    seconds: float
    suite: str = ""
    coverage: int | None = None


@dataclass(frozen=True)
class Proof:
    """The proof of one combination.

    `rendered` is the hash of what was proven. `servers` maps the name of each server to its version
    and provenance, like `15.18 real`. `date` is the UTC date in ISO format on which its oldest step
    passed. `drills` has what the drills counted, such as how often they killed the worker.
    """

    id: str
    answers: Mapping[str, Any]
    rendered: str
    steps: Mapping[str, Step]
    servers: Mapping[str, str]
    date: str
    drills: Mapping[str, str] = field(default_factory=dict)


def read(tree: Path) -> list[Proof]:
    """The proofs of the template whose rendered folder is `tree`; empty when it has no ledger."""
    file = tree / LEDGER
    if not file.is_file():
        return []
    return [parsed(json.loads(line)) for line in file.read_text(encoding="utf-8").splitlines()]


def parsed(row: Mapping[str, Any]) -> Proof:
    """A proof from its line in the ledger."""
    steps = {name: Step(**step) for name, step in row["steps"].items()}
    fields = {name: value for name, value in row.items() if name not in ("steps", "seal")}
    return Proof(**fields, steps=steps)
