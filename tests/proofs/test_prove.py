"""A proof that was interrupted goes on where it ended."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scaffold.template.proofs import Step
from tests.proofs import prove, steps
from tests.proofs.ledger import STEPS, Ledger, Wanted

SUITES = dict.fromkeys(STEPS, "suite")
WANTED = Wanted({"framework": "fastapi"}, Path("shop"), "rendered", SUITES)


class Steps:
    """Stands in for the steps: notes which have run, and lets some of them fail."""

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.failing: set[str] = set()

    def run(self, name: str, *_: Any) -> steps.Outcome:
        self.ran.append(name)
        if name in self.failing:
            raise steps.StepFailedError(name)
        step = Step(passed=1, failed=0, skipped=0, seconds=1.5)
        return steps.Outcome(
            step, {"sqlite": "3.40.1 real"}, {"orders": "7"} if name == "drills" else {}
        )

    def pop(self) -> list[str]:
        ran, self.ran = self.ran, []
        return ran


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Steps:
    run = Steps()
    monkeypatch.setattr(steps, "run", run.run)
    monkeypatch.setattr(prove, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(Wanted, "id", "row")
    return run


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    (tmp_path / "template").mkdir()
    return Ledger(tmp_path)


def test_it_goes_on_after_the_steps_that_have_passed(run: Steps, ledger: Ledger) -> None:
    run.failing = {"overload"}
    [failed] = prove.prove([WANTED], ledger)
    assert failed.failure == "overload: overload"
    assert run.pop() == list(STEPS)

    run.failing = set()
    assert prove.prove([WANTED], ledger) == []

    assert run.pop() == ["overload"]
    proof = ledger.proofs()["row"]
    assert list(proof.steps) == list(STEPS)
    assert proof.servers == {"sqlite": "3.40.1 real"}
    assert proof.drills == {"orders": "7"}


def test_a_row_that_is_chosen_begins_anew(run: Steps, ledger: Ledger) -> None:
    prove.prove([WANTED], ledger)
    run.pop()

    prove.prove([WANTED], ledger, anew=True)

    assert run.pop() == list(STEPS)


@pytest.mark.parametrize(
    "change",
    [
        {"rendered": "other"},
        {"suites": dict.fromkeys(STEPS, "other")},
        {"drill_seconds": 60},
    ],
)
def test_a_changed_row_begins_anew(run: Steps, ledger: Ledger, change: dict[str, Any]) -> None:
    run.failing = {"fuzz"}
    prove.prove([WANTED], ledger)
    run.pop()

    prove.prove([replace(WANTED, **change)], ledger)

    assert run.pop() == list(STEPS[: STEPS.index("fuzz") + 1])


def test_only_the_outdated_steps_of_a_proven_row_run(
    run: Steps, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prove, "today", lambda: "2026-01-01")
    monkeypatch.setattr(prove, "lacks_proof", lambda *_: not ledger.rows())
    prove.prove([WANTED], ledger)
    run.pop()
    monkeypatch.setattr(prove, "today", lambda: "2026-02-02")
    changed = replace(WANTED, suites=SUITES | {"contract": "other"})
    assert prove.rows_to_prove([changed], ledger) == [changed]

    prove.prove([changed], ledger)

    assert run.pop() == ["contract"]
    proof = ledger.proofs()["row"]
    assert {name: step.suite for name, step in proof.steps.items()} == changed.suites
    assert (proof.date, proof.drills) == ("2026-01-01", {"orders": "7"})
    assert prove.rows_to_prove([changed], ledger) == []


def test_check_prints_the_steps_that_are_to_be_proven(
    run: Steps, ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(prove, "lacks_proof", lambda *_: not ledger.rows())
    prove.prove([WANTED], ledger)
    run.pop()
    capsys.readouterr()
    changed = replace(WANTED, suites=SUITES | {"fuzz": "other", "contract": "other"})

    assert (prove._check([WANTED], ledger), capsys.readouterr().err) == (0, "")
    assert prove._check([changed], ledger) == 1
    assert capsys.readouterr().err == "to be proven: row: contract, fuzz\n"
    assert run.pop() == []


def test_a_row_has_the_date_of_its_first_step(
    run: Steps, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.failing = {"overload"}
    monkeypatch.setattr(prove, "today", lambda: "2026-01-01")
    prove.prove([WANTED], ledger)
    run.failing = set()
    monkeypatch.setattr(prove, "today", lambda: "2026-01-02")

    prove.prove([WANTED], ledger)

    assert ledger.proofs()["row"].date == "2026-01-01"
