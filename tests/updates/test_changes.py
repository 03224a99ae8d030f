"""Other answers at the same release: what a fresh project with them is, and back again."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from scaffold.cli.app import run
from scaffold.git.merge import File
from tests.combinations import TEMPLATE, axes
from tests.oracle import is_legal
from tests.tool.conftest import commit
from tests.updates import releases
from tests.updates.projects import ANSWERS_FILE, MADE_UP, Answers, Releases, files
from tests.updates.projects import pairwise as pairs_of_answers

PRESETS = [dict(preset.answers) for preset in TEMPLATE.presets.values()]
PRODUCTION = {"framework": axes()["framework"][0], **TEMPLATE.presets["production"].answers}
"""Each single answer may be changed to any other."""

MORE: dict[str, list[Any]] = {
    **MADE_UP,
    "tracing": [False, True],
    "region": ["us", "eu", "Zürich: 1 'a' # b"],
    "description": ["Takes orders and confirms them", "Verkauft Übriges"],
}
AXES = axes() | MORE
ALTERNATIVES = [
    (name, value)
    for name, values in AXES.items()
    for value in values
    if value not in (PRODUCTION.get(name), values[0] if name in MORE else None)
]


def change(project: Path, answers: Answers) -> None:
    """`scaffold change` with all these answers, committed."""
    words = [f"{name}={_word(value)}" for name, value in answers.items()]
    assert run(["change", *words, "--project", str(project), "--defaults", "--json"]) == 0
    commit(project, "Other answers")


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@pytest.mark.parametrize(("name", "value"), ALTERNATIVES)
def test_one_other_answer_gives_a_fresh_project_and_back_the_first(
    made_up: Releases, tmp_path: Path, name: str, value: Any
) -> None:
    project = made_up.project(tmp_path / "shop", releases.LAST, PRODUCTION)
    first = files(project)
    recorded = made_up.recorded(releases.LAST, PRODUCTION)

    change(project, {name: value})
    assert files(project) == made_up.fresh(releases.LAST, {**recorded, name: value})
    change(project, {name: recorded[name]})
    assert files(project) == first


@pytest.mark.parametrize("rows", [PRESETS, pairs_of_answers()], ids=["presets", "pairwise"])
def test_a_project_can_go_from_any_answers_to_any_others(
    made_up: Releases, tmp_path: Path, rows: list[Answers]
) -> None:
    """All pairs of presets there and back; the pairwise rows one after the other, and back."""
    if len(rows) == len(PRESETS):
        route = [row for pair in permutations(rows, 2) for row in pair]
    else:
        route = [*rows, rows[0]]
    route = [row for row, following in pairwise([*route, {}]) if row != following]
    project = made_up.project(tmp_path / "shop", releases.LAST, route[0])
    for row in route[1:]:
        change(project, row)
        assert files(project) == made_up.fresh(releases.LAST, row)


def go_together(answers: Answers) -> bool:
    return is_legal({name: answers[name] for name in axes()})


ANSWERS = some.fixed_dictionaries(
    {name: some.sampled_from(values) for name, values in AXES.items()}
).filter(go_together)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(start=ANSWERS, target=ANSWERS, picks=some.lists(some.integers(0, 10_000), max_size=8))
def test_random_changes_and_back_keep_random_edits(
    made_up: Releases, start: Answers, target: Answers, picks: list[int]
) -> None:
    """Edits in files that both projects have alike, and new files."""
    with tempfile.TemporaryDirectory() as folder:
        project = made_up.project(Path(folder) / "shop", releases.LAST, start)
        there = made_up.fresh(releases.LAST, target)
        edited = edit(project, made_up.fresh(releases.LAST, start), there, picks)
        before = files(project)
        recorded = made_up.recorded(releases.LAST, start)

        if made_up.recorded(releases.LAST, target) != recorded:
            change(project, target)
            assert files(project) == {**there, **{path: before[path] for path in edited}}
            change(project, recorded if target["size"] == start["size"] else start)
        assert files(project) == before


def edit(
    project: Path, here: Mapping[str, File], there: Mapping[str, File], picks: list[int]
) -> set[str]:
    """Edit some of the files that are the same here and there; gives their paths."""
    same = sorted(p for p, file in here.items() if there.get(p) == file and p != ANSWERS_FILE)
    edited = {same[pick % len(same)] for pick in picks}
    for path in edited:
        with (project / path).open("ab") as file:
            file.write(b"ours\n")
    (project / "docs/ours.md").write_text("ours\n")
    commit(project, "Our edits")
    return {*edited, "docs/ours.md"}
