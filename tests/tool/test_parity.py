"""The tool renders with its own renderer: byte for byte what copier would make of the template."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from copier import Settings, run_copy
from pytest_copie.plugin import Copie

from scaffold.template.expressions import Jinja
from scaffold.template.questions import Questionnaire
from scaffold.template.render import render, write
from scaffold.template.spec import load
from scaffold.terminal.errors import Problem
from tests.combinations import TEMPLATE, combinations, label, planned
from tests.tool.conftest import tree
from tests.tool.test_questions import template


@pytest.mark.parametrize("answers", combinations(), ids=label)
def test_a_combination_renders_as_copier_renders_it(
    answers: dict[str, Any], template_folder: Path, tmp_path: Path
) -> None:
    run_copy(
        str(template_folder),
        tmp_path / "copier",
        data={"name": "shop", **answers},
        defaults=True,
        quiet=True,
        settings=Settings(),
    )
    ours = tmp_path / "ours"
    ours.mkdir()
    write(planned(answers, {"_src_path": str(template_folder)}).files, ours)

    assert tree(ours) == tree(tmp_path / "copier")
    assert folders(ours) == folders(tmp_path / "copier")


@pytest.mark.parametrize("preset", TEMPLATE.presets)
def test_a_preset_renders_as_pytest_copie_renders_it(
    preset: str, template_folder: Path, copie: Copie, tmp_path: Path
) -> None:
    answers = {"name": "shop", **TEMPLATE.presets[preset].answers}
    result = copie.copy(extra_answers=answers, template_dir=template_folder)
    assert result.exit_code == 0, result.exception
    assert result.project_dir is not None

    theirs = tree(result.project_dir)
    ours = tmp_path / "ours"
    ours.mkdir()
    write(planned(answers).files, ours)
    # The answers file names the copy of the template that pytest-copie made for itself.
    theirs.pop(TEMPLATE.answers_file)
    assert {
        path: file for path, file in tree(ours).items() if path != TEMPLATE.answers_file
    } == theirs


def test_what_new_makes_is_what_copier_copy_makes(
    scaffold: Any, template_repository: Path, workplace: Path
) -> None:
    run_copy(
        str(template_repository), workplace / "theirs", data={"name": "shop"},
        defaults=True, quiet=True, settings=Settings(),
    )  # fmt: skip
    assert scaffold("new", "shop", "--defaults").code == 0
    assert tree(workplace / "shop") == tree(workplace / "theirs")


EXCLUSIVE = """\
database: {type: str, choices: {SQLite: sqlite, PostgreSQL: postgresql}, default: sqlite}
queue:
  type: str
  choices:
    Kafka: {value: kafka, validator: "{% if database == 'sqlite' %}needs PostgreSQL{% endif %}"}
    Blank: {value: blank, validator: "{% if database == 'sqlite' %} {% endif %}"}
    None: none
  default: none
"""


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("queue", ["kafka", "blank", "none", "rabbitmq"])
def test_a_choice_is_refused_where_copier_refuses_it(
    database: str, queue: str, tmp_path: Path
) -> None:
    answers_file = "template__{{_copier_conf.answers_file}}.jinja"
    root = template(tmp_path, EXCLUSIVE, **{answers_file: "{{_copier_answers|to_nice_yaml}}"})
    given = {"name": "shop", "database": database, "queue": queue}
    jinja = Jinja(load(root))
    try:
        ours = render(jinja, Questionnaire(jinja).answers(given), {"_src_path": str(root)})
    except Problem as problem:
        with pytest.raises(ValueError, match="Invalid choice for 'queue'") as error:
            copy(root, tmp_path / "theirs", given)
        _, colon, reason = problem.message.partition(": ")
        assert not colon or reason == "it is excluded" or reason in str(error.value)
    else:
        copy(root, tmp_path / "theirs", given)
        assert {str(file.path): file.content for file in ours} == {
            path: content for path, (content, _) in tree(tmp_path / "theirs").items()
        }


def copy(root: Path, folder: Path, given: dict[str, Any]) -> None:
    run_copy(str(root), folder, data=given, defaults=True, quiet=True, settings=Settings())


def folders(root: Path) -> set[str]:
    """All folders below `root`: copier must make none that stays empty."""
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_dir()}
