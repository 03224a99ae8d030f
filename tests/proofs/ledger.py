"""The ledger of proofs: its rows, when they are valid, and how it is written.

A proof is valid while the hash of the rendered files that can run is the current one. So a change
of the template makes exactly the rows unproven whose projects it changes. Each step has the hash of
the tests that proved it. A step is outdated when they have changed since.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml

from scaffold.template.proofs import LEDGER, Proof, parsed
from tests.combinations import ROOT, row_id

STEPS = ("lint", "tests", "migrations", "contract", "fuzz", "drills", "overload")
"""What a proof consists of, in the order in which it runs."""

LEAST_COVERAGE = 90
LONG_DRILL = 60
SHORT_DRILL = 20
"""The seconds of load in the drills that kill processes; see `long_drills`."""

_OWN_CHECKS = ("tests/proofs/steps.py", "tests/runtimes")
_SERVICES = (
    *_OWN_CHECKS,
    "tests/components",
    "tests/deployments.py",
    "tests/drills",
    "tests/services.py",
    "tests/web.py",
)
SUITES = {
    "lint": _OWN_CHECKS,
    "tests": _OWN_CHECKS,
    "migrations": _SERVICES,
    "contract": (*_SERVICES, "src/scaffold/conformance"),
    "fuzz": (*_SERVICES, "tests/fuzz"),
    "drills": _SERVICES,
    "overload": _SERVICES,
}
"""The files that decide what a step proves."""

_NOT_RUN = ("docs/", ".copier-answers.yml")
_PROVENANCES = ("real", "compatible")
_WITHOUT_SERVER = ("none", "memory", "database")
"""The answers that need no server of their own."""


@dataclass(frozen=True)
class Wanted:
    """A row that the ledger must have: its project and the current hashes.

    `suites` maps each step to the hash of its tests.
    """

    answers: Mapping[str, Any]
    project: Path
    rendered: str
    suites: Mapping[str, str]
    drill_seconds: int = SHORT_DRILL

    @property
    def id(self) -> str:
        """The id of the row."""
        return row_id(self.answers)


class Ledger:
    """The file with the proofs, one JSON object a line, sorted by id."""

    def __init__(self, template: Path = ROOT) -> None:
        self.file = template / "template" / LEDGER

    def rows(self) -> dict[str, dict[str, Any]]:
        """The rows by id, as they are written."""
        if not self.file.is_file():
            return {}
        lines = self.file.read_text(encoding="utf-8").splitlines()
        return {row["id"]: row for row in map(json.loads, lines)}

    def proofs(self) -> dict[str, Proof]:
        """The proofs by id."""
        return {name: parsed(row) for name, row in self.rows().items()}

    def enter(self, proof: Proof) -> None:
        """Add a proof, or replace the one of the same row. Parallel writers wait for each other."""
        self.file.parent.mkdir(exist_ok=True)
        with self.file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._write({**self.rows(), proof.id: sealed(proof)})

    def keep(self, ids: Iterable[str]) -> None:
        """Remove the rows that are not wanted any more."""
        rows = self.rows()
        self._write({name: rows[name] for name in ids if name in rows})

    def _write(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        text = "".join(f"{json.dumps(rows[name], ensure_ascii=False)}\n" for name in sorted(rows))
        draft = self.file.with_suffix(".draft")
        draft.write_text(text, encoding="utf-8")
        draft.replace(self.file)


def unproven(wanted: Wanted, row: Mapping[str, Any] | None) -> str:
    """Why a row has to be proven again, or an empty text."""
    if row is None:
        return "there is no proof"
    if row.get("rendered") != wanted.rendered:
        return "the rendered files have changed"
    return ""


def outdated(wanted: Wanted, row: Mapping[str, Any]) -> list[str]:
    """The steps of a proof whose tests have changed since."""
    steps = row.get("steps", {})
    return [name for name in STEPS if steps.get(name, {}).get("suite") != wanted.suites[name]]


def faults(wanted: Wanted, row: Mapping[str, Any]) -> list[str]:
    """What is wrong with a row, apart from its hashes: none when it is a complete proof."""
    try:
        proof = parsed(row)
    except (KeyError, TypeError) as error:
        return [f"it is not a proof: {error!r}"]
    return [
        *([] if row.get("seal") == seal(proof) else ["its seal is broken"]),
        *([] if proof.answers == wanted.answers else ["its answers are those of another row"]),
        *_wrong_steps(proof),
        *_wrong_servers(proof),
        *([] if _is_past(proof.date) else [f"its date {proof.date} is not a date of the past"]),
    ]


def sealed(proof: Proof) -> dict[str, Any]:
    """A proof as a row of the ledger."""
    return {**_plain(proof), "seal": seal(proof)}


def seal(proof: Proof) -> str:
    """A checksum of the row: who edits one by hand does not get it past the check by accident."""
    text = json.dumps(_plain(proof), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def rendered_hash(project: Path) -> str:
    """The hash of the files of a project that can run: documentation and answers are left out."""
    digest = hashlib.sha256()
    for path in sorted(_files(project)):
        name = path.relative_to(project).as_posix()
        if not name.startswith(_NOT_RUN) and path.suffix != ".md":
            executable = bool(path.stat().st_mode & 0o100)
            digest.update(f"{name}\0{executable}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def suite_hashes(answers: Mapping[str, Any], root: Path = ROOT) -> dict[str, str]:
    """The hash of the tests of each step, for a row.

    A module with the name of a choice, such as `components/rabbitmq.py`, proves only the rows with
    that choice. The same holds for languages. So a new choice leaves the other rows as they are.
    """
    others = choices(root).difference(answers.values())
    others |= languages(root) - {language(answers["framework"], root)}
    hashes = {parts: _hash(parts, others, root) for parts in set(SUITES.values())}
    return {step: hashes[parts] for step, parts in SUITES.items()}


def choices(root: Path = ROOT) -> set[str]:
    """The names of all choices that have a record, offered or not."""
    records = (root / "template" / "_axes").glob("*.yml")
    facts = [fact for file in records for fact in yaml.safe_load(file.read_text()).values()]
    return {choice for fact in facts for choice in fact["default"]}


def languages(root: Path = ROOT) -> set[str]:
    """The languages of services that can be run."""
    return {file.stem for file in (root / "tests/runtimes").glob("*.py")} - {"__init__"}


def language(framework: str, root: Path = ROOT) -> str:
    """The language of a framework, from its record."""
    record = root / f"template/{{{{use.{framework}}}}}/_stack/stack.yml"
    [stack] = yaml.safe_load(record.read_text()).values()
    return str(stack["default"]["language"])


def long_drills(rows: Iterable[Mapping[str, Any]]) -> set[str]:
    """The ids of the rows with long drills: those that bring a new database or a new queue.

    The database of a row without a queue counts as not drilled, as no worker runs there.
    """
    known: set[tuple[str, str]] = set()
    ids = set()
    for row in rows:
        parts = {("database", row["database"]), ("queue", row["queue"])}
        if row["queue"] != "none" and not parts <= known:
            known |= parts
            ids.add(row_id(row))
    return ids


def today() -> str:
    """The current date in UTC."""
    return datetime.now(UTC).date().isoformat()


def _hash(parts: Iterable[str], others: Collection[str], root: Path) -> str:
    """The hash of these files and folders, without the modules that are named in `others`."""
    digest = hashlib.sha256()
    for part in map(root.joinpath, parts):
        files = sorted(_files(part)) if part.is_dir() else [part]
        for file in (file for file in files if file.stem not in others):
            digest.update(f"{file.relative_to(root).as_posix()}\0".encode())
            digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _wrong_steps(proof: Proof) -> Iterator[str]:
    if tuple(proof.steps) != STEPS:
        yield f"its steps are {', '.join(proof.steps)}, not {', '.join(STEPS)}"
    for name, step in proof.steps.items():
        if step.passed < 1 or step.failed or step.skipped:
            yield f"{name}: {step.passed} passed, {step.failed} failed, {step.skipped} skipped"
        if step.seconds <= 0:
            yield f"{name} took no time"
    tests = proof.steps.get("tests")
    if tests and (tests.coverage or 0) < LEAST_COVERAGE:
        yield f"tests cover {tests.coverage} %"


def _wrong_servers(proof: Proof) -> Iterator[str]:
    for axis in ("database", "queue", "cache"):
        if proof.answers[axis] not in (*proof.servers, *_WITHOUT_SERVER):
            yield f"the version of its {axis} is missing"
    for name, version in proof.servers.items():
        if version.rpartition(" ")[2] not in _PROVENANCES:
            yield f"{name} {version} has no provenance"


def _is_past(text: str) -> bool:
    try:
        return date.fromisoformat(text) <= datetime.now(UTC).date()
    except ValueError:
        return False


def _plain(proof: Proof) -> dict[str, Any]:
    fields = asdict(proof)
    fields["steps"] = {
        name: {field: value for field, value in step.items() if value is not None}
        for name, step in fields["steps"].items()
    }
    if not proof.drills:
        del fields["drills"]
    return fields


def _files(folder: Path) -> Iterator[Path]:
    """The files below `folder`, without what tools leave there."""
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in ("__pycache__", ".git")]
        yield from (Path(parent) / name for name in names)
