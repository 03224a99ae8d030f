"""Questions of every kind, evaluated on small templates made for the test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scaffold.template.expressions import Jinja
from scaffold.template.questions import CompleteAnswers, Questionnaire
from scaffold.template.spec import load
from scaffold.terminal.errors import Problem
from tests import rendering

HEAD = """\
_subdirectory: template
_envops: {undefined: jinja2.StrictUndefined, keep_trailing_newline: true}
name: {type: str, help: "Name?"}
"""


CONDITIONAL = """\
queue: {type: str, choices: {A broker: broker, None: none}, default: none}
broker: {type: str, choices: {One: one, Two: two}, default: one, when: "{{ queue == 'broker' }}"}
"""


def template(folder: Path, questions: str = "", **files: str) -> Path:
    """A template with these questions and files; `__` in a file's name stands for a slash."""
    root = folder / "template-root"
    (root / "template").mkdir(parents=True)
    (root / "copier.yml").write_text(HEAD + questions)
    for name, content in files.items():
        file = root / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return root


def answers(root: Path, **given: Any) -> CompleteAnswers:
    return Questionnaire(Jinja(load(root))).answers({"name": "shop", **given})


def rendered(root: Path, **given: Any) -> dict[str, bytes]:
    files = rendering.rendered(load(root), answers(root, **given))
    return {str(file.path): file.content for file in files}


def test_a_default_may_follow_from_earlier_answers(tmp_path: Path) -> None:
    root = template(tmp_path, "title: {type: str, default: 'The {{ name }}'}")
    assert answers(root).recorded["title"] == "The shop"


def test_only_answers_that_are_not_the_default_are_decided(tmp_path: Path) -> None:
    root = template(tmp_path, CONDITIONAL + "title: {type: str, default: 'The {{ queue }}'}")
    given = {"name": "shop", "queue": "broker", "broker": "one", "title": "The broker"}
    decided = Questionnaire(Jinja(load(root))).decided(given)
    assert decided == {"name": "shop", "queue": "broker"}


GROUPS = """\
_scaffold_groups: {database: {records: record_, fact: kind, titles: kinds}}
kinds: {type: yaml, when: false, default: {sql: {title: SQL}, documents: {title: Documents}}}
record_a: {type: yaml, when: false, default: {kind: sql}}
record_b: {type: yaml, when: false, default: {kind: documents}}
database: {type: str, choices: {A: a, B: b}, default: a}
"""


def test_choices_have_the_heading_that_their_record_names(tmp_path: Path) -> None:
    [question] = [q for q in load(template(tmp_path, GROUPS)).asked if q.name == "database"]
    assert [question.group(value) for value in ("a", "b", "c")] == ["SQL", "Documents", ""]


@pytest.mark.parametrize(
    "missing", ["documents: {title: Documents}", "kind: documents", "title: SQL"]
)
def test_a_heading_that_is_missing_is_a_fault_of_the_template(missing: str, tmp_path: Path) -> None:
    with pytest.raises(Problem, match=r"_scaffold_groups of .* does not fit the records"):
        load(template(tmp_path, GROUPS.replace(missing, "other: 1")))


def test_a_fact_is_computed_and_not_recorded(tmp_path: Path) -> None:
    root = template(tmp_path, "fact: {type: yaml, when: false, default: '{a: {{ name }}}'}")
    assert answers(root).context["fact"] == {"a": "shop"}
    assert "fact" not in answers(root).recorded


def test_a_question_may_depend_on_an_answer(tmp_path: Path) -> None:
    root = template(tmp_path, CONDITIONAL)
    assert answers(root, queue="broker", broker="two").recorded["broker"] == "two"
    assert "broker" not in answers(root).recorded


def test_an_answer_to_a_question_that_does_not_apply_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="broker does not apply to the other answers"):
        answers(template(tmp_path, CONDITIONAL), broker="two")


def test_a_required_answer_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="there is no answer for owner"):
        answers(template(tmp_path, "owner: {type: str}"))


@pytest.mark.parametrize(("given", "value"), [(True, True), ("true", True), ("false", False)])
def test_a_yes_or_no_is_true_or_false(tmp_path: Path, given: object, value: bool) -> None:
    root = template(tmp_path, "loud: {type: bool, default: false}")
    assert answers(root, loud=given).recorded["loud"] is value


@pytest.mark.parametrize("given", ["maybe", "yes", 1, None, "", []])
def test_nothing_else_is_a_yes_or_no(tmp_path: Path, given: object) -> None:
    root = template(tmp_path, "loud: {type: bool, default: false}")
    with pytest.raises(Problem, match="is neither true nor false"):
        answers(root, loud=given)


def test_a_number_may_be_written_as_text(tmp_path: Path) -> None:
    root = template(tmp_path, "port: {type: int, default: 8000}")
    assert answers(root, port="9000").recorded["port"] == 9000


@pytest.mark.parametrize("given", ["many", True, 1.5, None])
def test_nothing_else_is_a_whole_number(tmp_path: Path, given: object) -> None:
    root = template(tmp_path, "port: {type: int, default: 8000}")
    with pytest.raises(Problem, match="is not a whole number"):
        answers(root, port=given)


@pytest.mark.parametrize("given", [True, None, [1], {"a": 1}])
def test_a_text_is_not_a_list_or_nothing(tmp_path: Path, given: object) -> None:
    root = template(tmp_path, "title: {type: str, default: x}")
    with pytest.raises(Problem, match="is not a text"):
        answers(root, title=given)


def test_the_files_of_a_folder_that_renders_to_a_dot_go_into_its_parent(tmp_path: Path) -> None:
    root = template(tmp_path, **{"template__{{'.'}}__b__a.txt": "1"})
    assert rendered(root) == {"b/a.txt": b"1"}


def test_a_folder_that_renders_to_nothing_is_skipped(tmp_path: Path) -> None:
    root = template(tmp_path, **{"template__{{''}}__b__a.txt": "1", "template__c.txt": "2"})
    assert rendered(root) == {"c.txt": b"2"}


def test_only_files_with_the_suffix_are_rendered(tmp_path: Path) -> None:
    root = template(
        tmp_path, **{"template__a.txt.jinja": "{{ name }}\n", "template__b.txt": "{{ name }}\n"}
    )
    assert rendered(root) == {"a.txt": b"shop\n", "b.txt": b"{{ name }}\n"}


def test_excluded_names_are_left_out_at_any_depth(tmp_path: Path) -> None:
    root = template(tmp_path, "_exclude: [__pycache__, '*.pyc']\n", template__a="1")
    for path in ("__pycache__/a.txt", "b/__pycache__/a.txt", "b/c.pyc"):
        file = root / "template" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    assert rendered(root) == {"a": b"1"}


def test_a_path_that_leads_out_of_the_project_is_refused(tmp_path: Path) -> None:
    root = template(tmp_path, **{"template__{{'..'}}__a.txt": "1"})
    with pytest.raises(Problem, match=r"files cannot be rendered: .* is forbidden"):
        rendered(root)


def test_a_name_that_a_file_uses_without_being_a_question_is_told(tmp_path: Path) -> None:
    root = template(tmp_path, **{"template__a.txt.jinja": "{{ nmae }}"})
    with pytest.raises(Problem, match=r"file template/a\.txt\.jinja fails: 'nmae' is undefined"):
        rendered(root)


def test_a_text_that_fails_is_told(tmp_path: Path) -> None:
    root = template(tmp_path, "title: {type: str, default: '{{ nmae }}'}")
    with pytest.raises(Problem, match="'nmae' is undefined"):
        answers(root)


def test_an_answer_with_braces_is_kept_as_it_is(tmp_path: Path) -> None:
    root = template(
        tmp_path, "title: {type: str, default: x}", **{"template__a.jinja": "{{title}}"}
    )
    assert rendered(root, title="{{ 1 + 1 }}") == {"a": b"{{ 1 + 1 }}"}


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ("_tasks: [ls]", "uses _tasks, which scaffold does not support"),
        ("_jinja_extensions: [x]", "uses _jinja_extensions, which scaffold does not support"),
        (
            "a: {type: str, multiselect: true}",
            "uses a.multiselect, which scaffold does not support",
        ),
        ("a: {type: float, default: 1.5}", r"the question a of .* has the unknown type float"),
        ("a: {type: str, choices: [x]}", "the choices of a in .* are not a mapping"),
        ("a: {type: str, choices: {X: {valu: x}}}", r"uses a\.choices\.valu, which scaffold"),
        ("a: {type: str, choices: {X: {validator: x}}}", "the choice 'X' of a in .* has no value"),
        ("a: 1", "the question a of .* is not a mapping"),
        ("a: [", "copier.yml cannot be read"),
        ("---\nname: {type: str}", "says name twice"),
        ("---\n!include missing.yml", r"missing\.yml cannot be read"),
    ],
)
def test_what_copier_would_render_otherwise_is_refused(
    tmp_path: Path, questions: str, message: str
) -> None:
    with pytest.raises(Problem, match=message):
        load(template(tmp_path, questions))


EXCLUSIVE = """\
database: {type: str, choices: {SQLite: sqlite, PostgreSQL: postgresql}, default: sqlite}
queue:
  type: str
  choices:
    Kafka: {value: kafka, validator: "{% if database == 'sqlite' %}needs PostgreSQL{% endif %}"}
    Table: {value: table}
    None: none
  default: kafka
"""


def test_a_choice_that_other_answers_exclude_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="queue cannot be 'kafka': needs PostgreSQL") as problem:
        answers(template(tmp_path, EXCLUSIVE), queue="kafka")
    assert problem.value.hint == "it can be table or none"


def test_a_choice_that_other_answers_allow_is_taken(tmp_path: Path) -> None:
    given = {"database": "postgresql", "queue": "kafka"}
    assert answers(template(tmp_path, EXCLUSIVE), **given).recorded["queue"] == "kafka"


def test_a_default_that_other_answers_exclude_falls_to_the_first_choice_left(
    tmp_path: Path,
) -> None:
    root = template(tmp_path, EXCLUSIVE)
    assert answers(root).recorded["queue"] == "table"
    assert answers(root, database="postgresql").recorded["queue"] == "kafka"


def test_a_value_that_one_of_two_titles_allows_is_taken(tmp_path: Path) -> None:
    root = template(
        tmp_path, "a: {type: str, choices: {X: {value: x, validator: no}, Y: x}, default: x}"
    )
    assert answers(root).recorded["a"] == "x"


def test_a_question_whose_choices_are_all_excluded_has_no_answer(tmp_path: Path) -> None:
    root = template(
        tmp_path, "a: {type: str, choices: {X: {value: x, validator: not here}}, default: x}"
    )
    with pytest.raises(Problem, match="a cannot be 'x': not here") as problem:
        answers(root)
    assert problem.value.hint == "change the answers before it"
