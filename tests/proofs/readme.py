"""The table of proofs in the README, written from the ledger: `python -m tests.proofs.readme`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from scaffold.template.proofs import Proof
from tests.combinations import ROOT, TEMPLATE
from tests.proofs.ledger import STEPS, Ledger

README = ROOT / "README.md"
_TABLE = re.compile(r"(?<=<!-- proofs -->\n)(.*?)(?=<!-- end of proofs -->)", re.DOTALL)


def main() -> None:
    """Write the table of the current ledger into the README."""
    text = README.read_text(encoding="utf-8")
    README.write_text(_TABLE.sub(lambda _: table(Ledger().proofs().values()), text), "utf-8")


def written() -> str:
    """The table that the README has."""
    found = _TABLE.search(README.read_text(encoding="utf-8"))
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


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
