"""The combinations that are tested: legal ones, and all pairs of choices."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import combinations as choose
from itertools import product
from pathlib import Path
from typing import Any

from scaffold.template.expressions import Jinja
from scaffold.template.questions import Questionnaire
from scaffold.template.spec import Template, load
from scaffold.terminal.errors import Problem
from tests.combinations import (
    CHOSEN,
    TEMPLATE,
    axes,
    combinations,
    cover,
    matrix,
    preset_rows,
    row_id,
    rows,
)
from tests.oracle import SUPPORTED, is_legal
from tests.tool.test_questions import template

Answers = Mapping[str, Any]

AXES = {
    "database": ["sqlite", "postgresql"],
    "queue": ["none", "kafka"],
    "auth": ["jwt", "none"],
}
EXCLUSIVE = """\
database: {type: str, choices: {SQLite: sqlite, PostgreSQL: postgresql}, default: sqlite}
queue:
  type: str
  choices:
    Kafka: {value: kafka, validator: "{% if database == 'sqlite' %}needs PostgreSQL{% endif %}"}
    None: none
  default: none
"""


def without_kafka_on_sqlite(answers: Answers) -> bool:
    return (answers["database"], answers["queue"]) != ("sqlite", "kafka")


def test_the_questions_offer_exactly_the_legal_combinations() -> None:
    assert list(disagreements(TEMPLATE, is_legal)) == []


def test_the_oracle_knows_each_choice_of_the_questions_and_no_other() -> None:
    known: dict[str, set[str]] = {"framework": set(SUPPORTED)}
    for supported in SUPPORTED.values():
        for axis, values in supported.items():
            known.setdefault(axis, set()).update(values)
    assert known == {axis: set(values) for axis, values in axes().items()}


def test_a_combination_that_only_the_questions_refuse_is_found(tmp_path: Path) -> None:
    root = template(tmp_path, EXCLUSIVE)
    refused = {"database": "sqlite", "queue": "kafka"}
    assert list(disagreements(load(root), lambda _: True)) == [refused]
    assert list(disagreements(load(root), without_kafka_on_sqlite)) == []


def test_the_presets_are_the_first_rows() -> None:
    presets = [
        {"framework": framework, **preset.answers}
        for framework in SUPPORTED
        for preset in TEMPLATE.presets.values()
    ]
    assert rows()[: len(presets)] == presets


def test_the_presets_and_the_chosen_rows_cover_all_pairs() -> None:
    ids = [row_id(row) for row in rows()]
    assert set(ids) == {*map(row_id, preset_rows()), *CHOSEN}


def test_the_id_of_a_preset_is_that_of_its_row_with_the_default_framework() -> None:
    ids = [row_id(preset.answers) for preset in TEMPLATE.presets.values()]
    assert ids == [row_id(row) for row in rows()[: len(ids)]]


def test_each_pair_of_choices_is_in_a_row() -> None:
    wanted = set().union(*(pairs(answers) for answers in combinations()))
    assert wanted == set().union(*(pairs(row) for row in rows()))


def test_no_row_is_illegal_or_there_twice() -> None:
    assert [row for row in rows() if not is_legal(row)] == []
    assert len({row_id(row) for row in rows()}) == len(rows())


def test_the_rows_and_the_matrix_have_each_database_with_each_queue_and_auth_once() -> None:
    names = ("framework", "database", "queue", "auth")

    def cores(some: Iterable[Answers]) -> list[tuple[Any, ...]]:
        return [tuple(each[name] for name in names) for each in some]

    legal = {
        core
        for framework, supported in SUPPORTED.items()
        for core in product([framework], *(supported[name] for name in names[1:]))
        if not (core[1] == "sqlite" and core[2] in ("kafka", "sqs"))
    }
    assert set(cores(rows())).isdisjoint(cores(matrix()))
    assert set(cores([*rows(), *matrix()])) == legal
    assert len(set(cores(matrix()))) == len(matrix())


def test_a_cover_has_no_illegal_row_and_each_pair_of_the_legal_ones() -> None:
    found = list(cover(AXES, without_kafka_on_sqlite))
    legal = [answers for answers in product_of(AXES) if without_kafka_on_sqlite(answers)]
    assert [row for row in found if not without_kafka_on_sqlite(row)] == []
    assert set().union(*map(pairs, found)) == set().union(*map(pairs, legal))
    assert len(found) < len(legal)


def test_a_cover_begins_with_its_seeds_and_repeats_no_pair_for_nothing() -> None:
    seed = {"database": "postgresql", "queue": "kafka", "auth": "none"}
    found = list(cover(AXES, without_kafka_on_sqlite, [seed]))
    seen: set[Any] = set()
    assert found[0] == seed
    for row in found:
        assert pairs(row) - seen
        seen |= pairs(row)


def test_a_cover_is_the_same_each_time() -> None:
    assert list(cover(AXES, without_kafka_on_sqlite)) == list(cover(AXES, without_kafka_on_sqlite))


def disagreements(
    template: Template, is_legal: Callable[[Answers], bool]
) -> Iterator[dict[str, Any]]:
    """The combinations that the questions accept and `is_legal` does not, or the other way."""
    questionnaire = Questionnaire(Jinja(template))
    for answers in product_of(axes(template)):
        try:
            questionnaire.answers({"name": "shop", **answers})
            accepted = True
        except Problem:
            accepted = False
        if accepted != is_legal(answers):
            yield answers


def product_of(axes: Mapping[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """The full product of the axes."""
    return (dict(zip(axes, values, strict=True)) for values in product(*axes.values()))


def pairs(answers: Answers) -> set[Any]:
    """The pairs of choices in these answers."""
    return set(choose(sorted(answers.items()), 2))
