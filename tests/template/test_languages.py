"""A new language or framework is its folders and records: no other file has to know its name.

docs/architecture.md lists the files outside the folders that name one, and what they say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pytest

from scaffold.template.spec import STACK_RECORD
from tests.combinations import ROOT, TEMPLATE

SEARCHED = ("copier.yml", "Makefile", ".ci", ".github", "benchmarks", "scripts", "src", "tests")
GENERATED = ("template/_proofs",)
SECTION = "What a framework and a language add outside their folders"
EXAMPLES = {
    "tests/projects/test_remove_example.py",
    "tests/proofs/test_ledger.py",
    "tests/template/test_languages.py",
    "tests/tool/test_commands.py",
    "tests/tool/test_wizard.py",
}
"""Tests that take the second framework or language as an example."""


class Named(NamedTuple):
    """A framework or a language, and the layers that are its own."""

    kind: str
    name: str
    title: str
    layers: frozenset[str]


def facts() -> Mapping[str, Any]:
    """The hidden questions with the records."""
    return {question.name: question.default for question in TEMPLATE.questions}


def added() -> Iterator[Named]:
    """All but the first framework and its language: tests name these where any would do."""
    records = {
        name.removeprefix(STACK_RECORD): fact
        for name, fact in facts().items()
        if name.startswith(STACK_RECORD)
    }
    first, *others = records
    for name in others:
        record = records[name]
        # A framework may build on another one of its language.
        layers = frozenset(
            {record["language"], *record.get("layers", ()), *frameworks(record["language"])}
        )
        yield Named("framework", name, record["title"], layers)
    for name, language in facts()["languages"].items():
        if name != records[first]["language"]:
            own = frozenset({name, *frameworks(name)})
            yield Named("language", name, language["title"], own)


def frameworks(language: str) -> set[str]:
    """The frameworks of a language, also those that are not offered yet."""
    stacks = ROOT.glob("template/*/_stack/stack.yml")
    return {
        stack.parts[-3].removeprefix("{{use.").removesuffix("}}")
        for stack in stacks
        if f"\n    language: {language}\n" in stack.read_text()
    }


def files() -> list[Path]:
    """The files that people write; documents for people are left out."""
    tops = [ROOT / top for top in (*SEARCHED, "template")]
    found = [file for top in tops for file in (top.rglob("*") if top.is_dir() else [top])]
    return [
        file
        for file in found
        if file.is_file()
        and "__pycache__" not in file.parts
        and not file.relative_to(ROOT).as_posix().startswith(GENERATED)
    ]


def names(text: str, named: Named) -> bool:
    """Whether a text means the framework or language, not the word that it is called by."""
    name = re.escape(named.name)
    return bool(
        re.search(rf"""['"`/]{name}['"`/}}-]|(?:use\.|stack_|: |setup\.sh ){name}\b""", text)
        or re.search(rf"\b{re.escape(named.title)}\b", text)
    )


def is_own(path: PurePosixPath, named: Named) -> bool:
    """Whether a file is in a folder of the framework or language, or is a module with its name."""
    folders = named.layers | {f"{{{{use.{layer}}}}}" for layer in named.layers}
    return path.stem == named.name or not folders.isdisjoint(path.parts)


@pytest.fixture(scope="module")
def found() -> dict[Named, set[str]]:
    """For each framework and language, the files outside its folders that name it."""
    found: dict[Named, set[str]] = {named: set() for named in added()}
    for file in files():
        path = PurePosixPath(file.relative_to(ROOT).as_posix())
        text = file.read_text(encoding="utf-8", errors="replace")
        for named, naming in found.items():
            if not is_own(path, named) and names(text, named):
                naming.add(path.as_posix())
    return found


def listed(kind: str) -> set[str]:
    """The files of the table in docs/architecture.md that have something of this kind."""
    _, _, page = (ROOT / "docs/architecture.md").read_text().partition(f"\n### {SECTION}\n")
    table = re.findall(r"^\|.*\|$", page.partition("\n#")[0], re.MULTILINE)
    head, _, *rows = ([cell.strip() for cell in line.split("|")] for line in table)
    column = head.index(f"a {kind} adds")
    return {row[1].strip("`") for row in rows if row[column]}


@pytest.mark.parametrize("kind", ["framework", "language"])
def test_no_file_but_the_listed_ones_names_a_framework_or_a_language(
    kind: str, found: dict[Named, set[str]]
) -> None:
    for named, naming in found.items():
        if named.kind == kind:
            assert naming - EXAMPLES <= listed(kind), named.name


def test_every_listed_file_names_one(found: dict[Named, set[str]]) -> None:
    modules = {"tests/runtimes/LANGUAGE.py"}
    assert (listed("framework") | listed("language")) - modules <= set().union(*found.values())


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ('{"stone": 1}', True),
        ("use.stone", True),
        ("  - stone: {title: Stone Age}", True),
        ("written for Stone Age", True),
        ("runtimes/stone/bin", True),
        ("stone-sqlite-none", False),
        ("for stone in quarry:", False),
        ('"milestone"', False),
    ],
)
def test_a_name_is_told_from_a_word(text: str, is_named: bool) -> None:
    assert names(text, Named("language", "stone", "Stone Age", frozenset())) is is_named
