"""The ledger is complete; a changed template makes its rows unproven; a forged row is found."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scaffold.template.proofs import Proof, Step
from tests.combinations import ROOT, axes, different_rows, language, row_id, rows
from tests.proofs import readme
from tests.proofs.ledger import (
    LONG_DRILL,
    STEPS,
    SUITES,
    Ledger,
    Wanted,
    faults,
    outdated,
    sealed,
    suite_hashes,
    unproven,
)
from tests.proofs.prove import wanted_rows
from tests.tool.conftest import export

IDS = [row_id(answers) for answers in rows()]
pytestmark = pytest.mark.xdist_group("ledger")
"""So that the rows are rendered once."""


@pytest.fixture(scope="module")
def wanted() -> Iterator[dict[str, Wanted]]:
    """The rows that the ledger must have, by id."""
    with wanted_rows() as found:
        yield {row.id: row for row in found}


@pytest.mark.parametrize("row", IDS)
def test_a_row_has_a_complete_proof(row: str, wanted: dict[str, Wanted]) -> None:
    found = Ledger().rows()
    assert row in found, "run `make prove`"
    assert faults(wanted[row], found[row]) == []


@pytest.mark.parametrize(
    ("axis", "choice"),
    [(axis, each) for axis in ("database", "queue") for each in axes()[axis] if each != "none"],
)
def test_each_database_and_each_queue_was_drilled_for_a_minute(axis: str, choice: str) -> None:
    proofs = [proof for proof in Ledger().proofs().values() if proof.answers[axis] == choice]
    assert any(int(proof.drills.get("seconds", 0)) >= LONG_DRILL for proof in proofs)


def test_there_is_no_other_row() -> None:
    assert sorted(Ledger().rows()) == sorted(IDS)


@pytest.mark.parametrize(
    ("changed", "touches"),
    [
        ("{{use.python}}/{{use.db_postgresql}}/scripts/local_postgresql.py", "fastapi-postgresql"),
        ("{{use.python}}/{{use.db_sqlite}}/tests/databases.py", "fastapi-sqlite"),
        ("{{use.python}}/{{use.always}}/scripts/load.py", "python"),
        ("{{use.node}}/{{use.always}}/src/clock.ts", "node"),
        ("{{use.python}}/{{use.db_sqlite}}/docs/sqlite.md", None),
    ],
)
def test_a_changed_file_makes_exactly_the_rows_unproven_that_contain_it(
    changed: str, touches: str | None, wanted: dict[str, Wanted], tmp_path: Path
) -> None:
    export(tmp_path)
    with (tmp_path / "template" / changed).open("a") as file:
        file.write("# Changed.\n")
    # To render all rows takes minutes.
    with wanted_rows(tmp_path, different_rows("framework", "database")) as after:
        stale = {row.id for row in after if unproven(row, sealed(proof_of(wanted[row.id])))}
        assert stale == rows_with(touches) & {row.id for row in after}


def test_a_changed_suite_makes_its_steps_outdated_and_leaves_the_row_proven(
    wanted: dict[str, Wanted],
) -> None:
    row = wanted[IDS[0]]
    changed = replace(row, suites={**row.suites, "contract": "0" * 16})
    proof = sealed(proof_of(row))
    assert (outdated(row, proof), outdated(changed, proof)) == ([], ["contract"])
    assert unproven(changed, proof) == ""


def test_a_missing_row_is_unproven(wanted: dict[str, Wanted]) -> None:
    assert unproven(wanted[IDS[0]], None) == "there is no proof"


def test_a_complete_proof_has_no_fault(wanted: dict[str, Wanted]) -> None:
    row = wanted[IDS[0]]
    assert unproven(row, sealed(proof_of(row))) == ""
    assert faults(row, sealed(proof_of(row))) == []


@pytest.mark.parametrize("field", ["rendered", "date", "steps", "servers"])
def test_a_row_that_was_edited_by_hand_is_found(field: str, wanted: dict[str, Wanted]) -> None:
    row = wanted[IDS[0]]
    edited: Any = {"rendered": "f" * 16, "date": "2020-01-01", "steps": {}, "servers": {}}
    forged = {**sealed(proof_of(row)), field: edited[field]}
    assert "its seal is broken" in faults(row, forged)


def test_a_proof_without_a_step_is_refused(wanted: dict[str, Wanted]) -> None:
    row = wanted[IDS[0]]
    proof = proof_of(row)
    steps = {name: step for name, step in proof.steps.items() if name != "drills"}
    [fault] = faults(row, sealed(replace(proof, steps=steps)))
    assert fault.startswith("its steps are lint, tests, migrations, contract, fuzz, overload, not")


@pytest.mark.parametrize(
    ("step", "fault"),
    [
        (Step(0, 0, 0, 1.0), "fuzz: 0 passed, 0 failed, 0 skipped"),
        (Step(5, 1, 0, 1.0), "fuzz: 5 passed, 1 failed, 0 skipped"),
        (Step(5, 0, 2, 1.0), "fuzz: 5 passed, 0 failed, 2 skipped"),
        (Step(5, 0, 0, 0.0), "fuzz took no time"),
    ],
)
def test_a_step_that_did_not_pass_is_refused(
    step: Step, fault: str, wanted: dict[str, Wanted]
) -> None:
    row = wanted[IDS[0]]
    proof = proof_of(row)
    forged = replace(proof, steps={**proof.steps, "fuzz": step})
    assert faults(row, sealed(forged)) == [fault]


def test_a_proof_of_other_answers_is_refused(wanted: dict[str, Wanted]) -> None:
    one, other = wanted[IDS[0]], wanted[IDS[1]]
    assert "its answers are those of another row" in faults(one, sealed(proof_of(other)))


def test_a_proof_without_provenance_is_refused(wanted: dict[str, Wanted]) -> None:
    row = wanted[IDS[0]]
    servers = {row.answers["database"]: "1.0"}
    [fault] = faults(row, sealed(replace(proof_of(row), servers=servers)))
    assert fault.endswith("has no provenance")


def test_a_date_in_the_future_is_refused(wanted: dict[str, Wanted]) -> None:
    row = wanted[IDS[0]]
    [fault] = faults(row, sealed(replace(proof_of(row), date="2999-01-01")))
    assert "is not a date of the past" in fault


def test_something_else_than_a_proof_is_refused(wanted: dict[str, Wanted]) -> None:
    [fault] = faults(wanted[IDS[0]], {"id": IDS[0]})
    assert fault.startswith("it is not a proof")


def test_a_proof_is_written_and_read_again(wanted: dict[str, Wanted], tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    proofs = [proof_of(wanted[row]) for row in IDS[:2]]
    (tmp_path / "template").mkdir()
    for proof in proofs:
        ledger.enter(proof)
    assert ledger.proofs() == {proof.id: proof for proof in proofs}
    lines = ledger.file.read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == sorted(IDS[:2])


def test_rows_that_are_not_wanted_any_more_are_removed(
    wanted: dict[str, Wanted], tmp_path: Path
) -> None:
    ledger = Ledger(tmp_path)
    (tmp_path / "template").mkdir()
    for row in IDS[:2]:
        ledger.enter(proof_of(wanted[row]))
    ledger.keep(IDS[1:])
    assert list(ledger.rows()) == [IDS[1]]


def test_the_readme_has_the_table_of_the_ledger() -> None:
    assert readme.written() == readme.table(Ledger().proofs().values()), "run `make docs`"


def test_the_page_of_the_drills_has_the_counts_of_the_ledger() -> None:
    assert readme.written(readme.DRILLS) == readme.kills(Ledger().proofs().values()), (
        "run `make docs`"
    )


@pytest.mark.parametrize(
    ("module", "touches"),
    [
        ("tests/components/mysql.py", "mysql"),
        ("tests/runtimes/python.py", "python"),
        ("tests/runtimes/node.py", "node"),
        ("tests/runtimes/cobol.py", None),
    ],
)
def test_a_module_of_a_choice_or_a_language_proves_only_the_rows_with_it(
    module: str, touches: str | None, tmp_path: Path
) -> None:
    copied_suite(tmp_path)
    before = {row_id(row): suite_hashes(row, tmp_path) for row in rows()}
    with (tmp_path / module).open("a") as file:
        file.write("# Changed.\n")
    after = {row_id(row): suite_hashes(row, tmp_path) for row in rows()}
    changed = {row for row in IDS if before[row] != after[row]}
    assert changed == rows_with(touches)


@pytest.mark.parametrize(
    ("module", "steps"),
    [
        ("src/scaffold/conformance/core.py", {"contract"}),
        ("tests/fuzz/test_openapi.py", {"fuzz"}),
        ("tests/services.py", {"migrations", "contract", "fuzz", "drills", "overload"}),
        ("tests/runtimes/__init__.py", set(STEPS)),
    ],
)
def test_a_changed_module_makes_the_steps_outdated_that_it_decides(
    module: str, steps: set[str], tmp_path: Path
) -> None:
    copied_suite(tmp_path)
    before = suite_hashes(rows()[0], tmp_path)
    with (tmp_path / module).open("a") as file:
        file.write("# Changed.\n")
    after = suite_hashes(rows()[0], tmp_path)
    assert {step for step in STEPS if before[step] != after[step]} == steps


def copied_suite(folder: Path) -> None:
    """Copy the template and the tests of all steps."""
    export(folder)
    for part in {part for parts in SUITES.values() for part in parts}:
        source, copy = ROOT / part, folder / part
        copy.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copy)(source, copy)


def rows_with(part: str | None) -> set[str]:
    """The ids of the rows that are of this language, or have this text in their id."""
    if part is None:
        return set()
    return {row_id(row) for row in rows() if part == language(row) or part in row_id(row)}


def proof_of(wanted: Wanted) -> Proof:
    """A proof as `make prove` would write it."""
    steps = {
        name: Step(3, 0, 0, 1.5, wanted.suites[name], coverage=97 if name == "tests" else None)
        for name in STEPS
    }
    return Proof(
        id=wanted.id,
        answers=dict(wanted.answers),
        rendered=wanted.rendered,
        steps=steps,
        servers=dict.fromkeys(
            {wanted.answers[axis] for axis in ("database", "queue", "cache")}, "1.0 real"
        ),
        date="2026-01-01",
    )
