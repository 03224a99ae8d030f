"""The combinations of choices that are tested, computed from the questions of `copier.yml`.

The number of combinations is the product of all choices, which is too many to test. The tests use
`rows()`: the presets of each framework, and enough further combinations that any two choices occur
together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import combinations as choose
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from copier import Settings, run_copy

from scaffold.template.expressions import Jinja
from scaffold.template.questions import CompleteAnswers, Questionnaire
from scaffold.template.render import compiled_once
from scaffold.template.spec import STACK_RECORD, Template, load
from tests.oracle import is_legal

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = load(ROOT)
NAME = "shop"

Answers = Mapping[str, Any]
Axes = Mapping[str, Sequence[Any]]


def axes(template: Template = TEMPLATE) -> dict[str, list[Any]]:
    """The values of each question that has choices."""
    return {q.name: list(q.choices.values()) for q in template.asked if q.choices}


def combinations() -> list[dict[str, Any]]:
    """All legal combinations: the full product. Use it only for tests that render nothing."""
    return list(filter(is_legal, _product(axes())))


CHOSEN = (
    "fastapi-sqlite-none-database-redis-signed-none",
    "fastapi-mysql-none-database-memcached-signed-github",
    "fastapi-postgresql-jwt-none-redis-none-github",
    "fastapi-mysql-jwt-none-memcached-none-none",
    "fastapi-sqlite-jwt-redis-memcached-signed-github",
    "fastapi-postgresql-none-redis-redis-none-github",
    "fastapi-mysql-none-redis-memory-none-none",
    "fastapi-sqlite-jwt-rabbitmq-memory-signed-github",
    "fastapi-postgresql-none-rabbitmq-memcached-signed-none",
    "fastapi-mysql-jwt-rabbitmq-redis-none-none",
    "fastapi-postgresql-none-kafka-memcached-none-none",
    "fastapi-mysql-jwt-kafka-memory-none-none",
    "fastapi-mysql-jwt-kafka-redis-signed-github",
    "fastapi-postgresql-none-sqs-redis-none-none",
    "fastapi-postgresql-jwt-sqs-memcached-none-github",
    "fastapi-mysql-jwt-sqs-memory-signed-github",
    "fastapi-mongodb-jwt-database-memory-none-github",
    "fastapi-mongodb-none-redis-redis-none-none",
    "fastapi-mongodb-jwt-rabbitmq-memcached-none-github",
    "fastapi-mongodb-jwt-kafka-memory-none-github",
    "fastapi-mongodb-jwt-sqs-memory-none-github",
    "fastapi-mongodb-jwt-none-memory-none-github",
    "fastify-mysql-none-database-memory-none-github",
    "fastify-mysql-jwt-none-memory-none-none",
    "fastify-postgresql-none-none-memory-none-none",
    "fastify-sqlite-none-database-memory-none-none",
    "express-mysql-none-database-memory-none-github",
    "express-mysql-jwt-none-memory-none-none",
    "express-postgresql-none-none-memory-none-none",
    "express-sqlite-none-database-memory-none-none",
    "nestjs-mysql-none-database-memory-none-github",
    "nestjs-mysql-jwt-none-memory-none-none",
    "nestjs-postgresql-none-none-memory-none-none",
    "nestjs-sqlite-none-database-memory-none-none",
)
"""Rows that stay when choices are added, so that their proofs stay valid.

With the presets of each framework, they cover all pairs.
"""


@cache
def rows() -> list[dict[str, Any]]:
    """The presets, and more combinations until each legal pair of choices is in one of them."""
    presets = preset_rows()
    chosen = [answers for answers in _product(axes()) if row_id(answers) in CHOSEN]
    return list(cover(axes(), is_legal, [*presets, *chosen]))


def preset_rows() -> list[dict[str, Any]]:
    """The presets of each framework, as far as it supports them."""
    every = [
        {"framework": framework, **preset.answers}
        for framework in axes()["framework"]
        for preset in TEMPLATE.presets.values()
    ]
    return list(filter(is_legal, every))


def matrix() -> list[dict[str, Any]]:
    """A combination for each legal framework, database, queue and auth that no row has together."""
    known = set(map(_core, rows()))
    missing: dict[tuple[Any, ...], dict[str, Any]] = {}
    for answers in combinations():
        if _core(answers) not in known:
            missing.setdefault(_core(answers), answers)
    return list(missing.values())


def cover(
    axes: Axes, is_legal: Callable[[Answers], bool], seeds: Iterable[Answers] = ()
) -> Iterator[dict[str, Any]]:
    """The seeds, then the legal combination with the most missing pairs until no pair is missing.

    The result depends on the arguments alone: ties go to the first combination of the product.
    """
    candidates = list(filter(is_legal, _product(axes)))
    numbers: dict[Any, int] = {}
    pairs = [_bits(numbers, candidate) for candidate in candidates]
    missing = (1 << len(numbers)) - 1
    for seed in seeds:
        missing &= ~_bits(numbers, seed)
        yield dict(seed)
    while missing:
        best = max(range(len(candidates)), key=lambda index: (pairs[index] & missing).bit_count())
        missing &= ~pairs[best]
        yield candidates[best]


def is_offered(question: str, choice: str) -> bool:
    """Whether users can choose it. The template may have layers for choices without a proof."""
    return choice in axes()[question]


def row_id(answers: Answers) -> str:
    """The id of a combination: all its values, like `fastapi-mysql-none-none-redis-none-none`.

    What the answers leave out is the default: presets name no framework.
    """
    complete = answers if answers.keys() >= axes().keys() else answered(answers).recorded
    return "-".join(str(complete[name]) for name in axes())


def label(answers: Answers) -> str:
    """A short test id: the values of the questions that leave a choice, like `sqlite-jwt-none`."""
    varied = [name for name, values in axes().items() if len(values) > 1]
    return "-".join(str(answers[name]) for name in varied if name in answers) or "default"


def language(answers: Answers) -> str:
    """The language of a combination, from the record of its framework."""
    [record] = [
        question.default
        for question in TEMPLATE.questions
        if question.name == f"{STACK_RECORD}{answers['framework']}"
    ]
    return str(record["language"])


def each_row(
    name: str = "answers",
    languages: Sequence[str] = (),
    different: Sequence[str] = (),
    **wanted: Any,
) -> pytest.MarkDecorator:
    """Parametrize a test by the rows that have the `wanted` values, in all or some languages.

    All tests of a row run in one process of pytest-xdist, so that it renders the row once. With
    `different`, a row stands for all with the same answers to these questions.
    """
    chosen = [
        row
        for row in (different_rows(*different) if different else rows())
        if wanted.items() <= row.items() and language(row) in (languages or [language(row)])
    ]
    return pytest.mark.parametrize(
        name,
        [
            pytest.param(row, id=label(row), marks=pytest.mark.xdist_group(label(row)))
            for row in chosen
        ],
    )


def different_rows(*questions: str) -> list[Answers]:
    """A row for each combination of answers to these questions."""
    first: dict[tuple[Any, ...], Answers] = {}
    for row in rows():
        first.setdefault(tuple(row[question] for question in questions), row)
    return [*first.values()]


def answered(answers: Answers) -> CompleteAnswers:
    """These answers of the real template, completed with defaults; the name is `shop`."""
    return Questionnaire(Jinja(TEMPLATE)).answers({"name": NAME, **answers})


def written(answers: Answers, folder: Path, template: Path) -> Path:
    """The project with these answers, rendered by copier from the plain folder `template`."""
    with compiled_once():
        run_copy(
            str(template),
            folder,
            data={"name": NAME, **answers},
            defaults=True,
            quiet=True,
            settings=Settings(),
        )
    return folder


def _product(axes: Axes) -> Iterator[dict[str, Any]]:
    return (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))


def _core(answers: Answers) -> tuple[Any, ...]:
    return tuple(answers[name] for name in ("framework", "database", "queue", "auth"))


def _bits(numbers: dict[Any, int], answers: Answers) -> int:
    """The pairs of choices in these answers as a set of bits; `numbers` gives each pair its bit."""
    bits = 0
    for pair in choose(sorted(answers.items()), 2):
        bits |= 1 << numbers.setdefault(pair, len(numbers))
    return bits
