"""What became of all edits in a run of the tests, as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from tests.combinations import ROOT
from tests.updates.edits import Verdict

FILE = ROOT / ".work" / "edits.txt"


def table(edits: Iterable[tuple[str, str]], projects: int) -> str:
    """One line for each kind of edit; `edits` are pairs of a kind and a verdict."""
    counts = Counter(edits)
    kinds = sorted({kind for kind, _ in counts})
    width = max(map(len, kinds))
    lines = [f"{'':{width}}  made  {'  '.join(Verdict)}"]
    for kind in [*kinds, ""]:
        row = {v: sum(n for (k, found), n in counts.items() if found == v and k == (kind or k))
               for v in Verdict}  # fmt: skip
        cells = "  ".join(f"{row[verdict]:{len(verdict)}}" for verdict in Verdict)
        lines.append(
            f"{kind or f'all, in {projects} projects':{width}}  {sum(row.values()):4}  {cells}"
        )
    return "\n".join(lines)


def keep(text: str) -> None:
    """Write the table to a file that is no part of the repository."""
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(f"{text}\n")
