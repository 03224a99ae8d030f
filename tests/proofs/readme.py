"""The tables that are written from the ledger: `python -m tests.proofs.readme`.

The README has the proofs, `docs/drills.md` what was killed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from scaffold.template.proofs import Proof
from tests.combinations import ROOT, TEMPLATE
from tests.proofs.ledger import STEPS, Ledger

README = ROOT / "README.md"
DRILLS = ROOT / "docs" / "drills.md"
_TABLE = re.compile(r"(?<=<!-- proofs -->\n)(.*?)(?=<!-- end of proofs -->)", re.DOTALL)


def main() -> None:
    """Write the tables of the current ledger."""
    proofs = Ledger().proofs().values()
    _write(README, table(proofs))
    _write(DRILLS, kills(proofs))


def written(page: Path = README) -> str:
    """The table that a page has."""
    found = _TABLE.search(page.read_text(encoding="utf-8"))
    return found[1] if found else ""


def table(proofs: Iterable[Proof]) -> str:
    """A row for each proof: the choices, the number of checks of each step, servers and date."""
    axes = [question.name for question in TEMPLATE.asked if len(question.choices) > 1]
    head = ["framework", *(name for name in axes if name != "framework")]
    lines = [
        _line([*head, *STEPS, "servers", "date"]),
        _line(["---"] * (len(head) + len(STEPS) + 2)),
    ]
    for proof in sorted(proofs, key=lambda proof: proof.id):
        choices = [f"`{proof.answers[name]}`" for name in head]
        counts = [str(proof.steps[name].passed) for name in STEPS]
        servers = ", ".join(f"{name} {version}" for name, version in proof.servers.items())
        lines.append(_line([*choices, *counts, servers, proof.date]))
    return "".join(f"{line}\n" for line in lines)


def kills(proofs: Iterable[Proof]) -> str:
    """A row for each proof: what its drills killed and counted."""
    rows = sorted(proofs, key=lambda proof: proof.id)
    counted = list(dict.fromkeys(name for proof in rows for name in proof.drills))
    head = ["row", *counted]
    lines = [_line(head), _line(["---"] * len(head))]
    lines += [
        _line([f"`{proof.id}`", *(proof.drills.get(name, "") for name in counted)])
        for proof in rows
    ]
    return "".join(f"{line}\n" for line in lines)


def _write(page: Path, text: str) -> None:
    old = page.read_text(encoding="utf-8")
    page.write_text(_TABLE.sub(lambda _: text, old), encoding="utf-8")


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
