"""Reports the results of a run: as a table, as JSON and as JUnit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from textwrap import indent
from xml.etree import ElementTree as ET

from scaffold.conformance.core import Result

_WORST_LAST = ("passed", "skipped", "failed")


def as_table(results: Sequence[Result], url: str) -> str:
    """One line for each check, with the reason if it did not pass, and the counts at the end.

    Failed checks come last, so that they are visible on a terminal.
    """
    wide = max((len(result.check.id) for result in results), default=0)
    lines = []
    for result in sorted(results, key=lambda result: _WORST_LAST.index(result.verdict)):
        lines.append(f"{result.verdict:<7}  {result.check.id:<{wide}}  {result.check.rule}")
        if result.detail:
            lines.append(indent(result.detail, " " * (wide + 11)))
    return "\n".join([*lines, "", _summary(results, url)])


def as_json(results: Sequence[Result], url: str) -> str:
    """An object with `url`, the counts `passed`, `failed` and `skipped`, and the list `checks`.

    A check has `id`, `name`, `rule`, `outcome`, `detail` (empty when it passed) and `seconds`.
    """
    checks = [
        {
            "id": result.check.id,
            "name": result.check.name,
            "rule": result.check.rule,
            "outcome": result.verdict,
            "detail": result.detail,
            "seconds": round(result.seconds, 3),
        }
        for result in results
    ]
    return json.dumps(
        {"url": url, **_counts(results), "checks": checks}, indent=2, ensure_ascii=False
    )


def as_junit(results: Sequence[Result], url: str) -> bytes:
    """A JUnit test suite: a checklist id is a class, a check is a case."""
    counts = _counts(results)
    suite = ET.Element(
        "testsuite",
        name=f"scaffold verify {url}",
        tests=str(len(results)),
        failures=str(counts["failed"]),
        skipped=str(counts["skipped"]),
        errors="0",
        time=f"{sum(result.seconds for result in results):.3f}",
    )
    for result in results:
        case = ET.SubElement(
            suite,
            "testcase",
            classname=result.check.id,
            name=result.check.rule,
            time=f"{result.seconds:.3f}",
        )
        if result.verdict == "failed":
            ET.SubElement(case, "failure", message=_printable(result.detail))
        elif result.verdict == "skipped":
            ET.SubElement(case, "skipped", message=_printable(result.detail))
    ET.indent(suite)
    document: bytes = ET.tostring(suite, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _summary(results: Sequence[Result], url: str) -> str:
    counts = _counts(results)
    seconds = sum(result.seconds for result in results)
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
    return f"{len(results)} checks of {url} in {seconds:.0f} s: {told}"


def _counts(results: Sequence[Result]) -> dict[str, int]:
    counted = Counter(result.verdict for result in results)
    return {verdict: counted[verdict] for verdict in ("passed", "failed", "skipped")}


def _printable(text: str) -> str:
    """Replace control characters, which XML does not allow."""
    return "".join(one if one.isprintable() or one in "\n\t" else "�" for one in text)
