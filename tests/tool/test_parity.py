"""`scaffold new` and `copier copy` give the same project, and refuse the same answers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from copier import Settings, run_copy
from jinja2 import Environment

from scaffold.template.expressions import Jinja
from scaffold.template.questions import Questionnaire
from scaffold.template.render import render
from scaffold.template.spec import load
from scaffold.terminal.errors import Problem
from tests.combinations import TEMPLATE, axes
from tests.tool.conftest import Scaffold, tree
from tests.tool.test_questions import template


@pytest.mark.parametrize(
    "answers",
    [
        *(preset.answers for preset in TEMPLATE.presets.values()),
        *({"framework": framework} for framework in axes()["framework"][1:]),
    ],
    ids=[*TEMPLATE.presets, *axes()["framework"][1:]],
)
def test_what_new_makes_is_what_copier_copy_makes(
    answers: Mapping[str, Any],
    scaffold: Scaffold,
    whole_template_repository: Path,
    workplace: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SCAFFOLD_TEMPLATE", str(whole_template_repository))
    given = {"name": "shop", **answers}
    data = [word for name, value in given.items() for word in ("--data", f"{name}={value}")]
    subprocess.run(
        [sys.executable, "-m", "copier", "copy", "--quiet", "--defaults", *data,
         str(whole_template_repository), str(workplace / "theirs")],
        check=True,
    )  # fmt: skip
    flags = [f"--{name}={value}" for name, value in answers.items()]
    assert scaffold("new", "shop", "--defaults", *flags).code == 0
    assert tree(workplace / "shop") == tree(workplace / "theirs")
    assert folders(workplace / "shop") == folders(workplace / "theirs")


LETTERS = "{% yield letter from letters %}{{ letter }}{% endyield %}"
YIELDING = """\
use: {type: json, when: false, default: '{"on": ".", "off": ""}'}
letters: {type: json, when: false, default: '["a", "b"]'}
"""


def test_folders_that_copier_alone_can_render_are_what_copier_makes(tmp_path: Path) -> None:
    root = template(
        tmp_path,
        YIELDING,
        **{
            f"template__{LETTERS}__{{{{letter}}}}.txt.jinja": "{{ letter }}",
            "template__{{use.on}}__sub__on.txt": "on",
            "template__{{use.off}}__sub__off.txt": "off",
            "template__same.txt": "same",
        },
    )
    copy(root, tmp_path / "theirs", {"name": "shop"})
    ours = tmp_path / "ours"
    ours.mkdir()
    render(load(root), Questionnaire(Jinja(load(root))).answers({"name": "shop"}), {}, ours)
    assert tree(ours) == tree(tmp_path / "theirs")
    assert {"a/a.txt", "b/b.txt", "sub/on.txt", "same.txt"} <= set(tree(ours))


def test_each_text_is_compiled_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []
    compile_text = Environment.compile

    def counted(self: Environment, source: Any, *rest: Any) -> Any:
        compiled.append(source)
        return compile_text(self, source, *rest)

    monkeypatch.setattr(Environment, "compile", counted)
    root = template(tmp_path, **{f"template__folder__{n}__deep__file.txt": "" for n in range(9)})
    answers = Questionnaire(Jinja(load(root))).answers({"name": "shop"})
    compiled.clear()
    (tmp_path / "ours").mkdir()
    render(load(root), answers, {}, tmp_path / "ours")
    assert [text for text in ("folder", "deep", "file.txt") if compiled.count(text) != 1] == []


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
    try:
        Questionnaire(Jinja(load(root))).answers(given)
    except Problem as problem:
        with pytest.raises(ValueError, match="Invalid choice for 'queue'") as error:
            copy(root, tmp_path / "theirs", given)
        _, colon, reason = problem.message.partition(": ")
        assert not colon or reason == "it is excluded" or reason in str(error.value)
    else:
        copy(root, tmp_path / "theirs", given)


def copy(root: Path, folder: Path, given: dict[str, Any]) -> None:
    run_copy(str(root), folder, data=given, defaults=True, quiet=True, settings=Settings())


def folders(root: Path) -> set[str]:
    """All folders below `root` but git's own: none may stay empty."""
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_dir())
    return {str(path) for path in found if ".git" not in path.parts}
