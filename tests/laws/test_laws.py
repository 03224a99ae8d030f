"""The laws hold for the real template; and each law catches a template that breaks it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from tests import rendering
from tests.combinations import ROOT, TEMPLATE, answered, combinations, each_row, label
from tests.laws import laws
from tests.rendering import RenderedFile, read
from tests.tool.conftest import commit, git
from tests.tool.test_questions import template

ON_THE_TREE = [
    laws.plain_by_default,
    laws.statements_in_few_manifests,
    laws.a_choice_is_a_record,
    laws.nothing_runs_on_the_users_machine,
    laws.every_byte_from_answers,
    laws.strict_settings,
    laws.portable_names,
]
ON_A_PROJECT = [laws.formatted, laws.names_resolve]


@pytest.mark.parametrize("law", ON_THE_TREE, ids=lambda law: law.__name__)
def test_the_template_keeps_the_law(law: Callable[[Path], list[str]]) -> None:
    assert law(ROOT) == []


@each_row()
@pytest.mark.parametrize("law", ON_A_PROJECT, ids=lambda law: law.__name__)
def test_every_row_keeps_the_law(
    law: Callable[[list[RenderedFile]], list[str]],
    answers: dict[str, Any],
    rendered: Callable[..., Path],
) -> None:
    assert law(read(rendered(**answers))) == []


@each_row(different=["framework", "database", "queue"])
def test_scaffold_writes_the_files_that_copier_writes(
    answers: dict[str, Any], rendered: Callable[..., Path]
) -> None:
    """It leaves layers out before it renders; `rendered` is by copier, from the whole template."""
    theirs = read(rendered(**answers))
    ours = rendering.rendered(TEMPLATE, answered(answers))
    recorded = PurePosixPath(TEMPLATE.answers_file)  # with the address of the template
    assert [file for file in ours if file.path != recorded] == [
        file for file in theirs if file.path != recorded
    ]


@pytest.mark.parametrize("answers", combinations(), ids=label)
def test_in_every_combination_one_path_has_one_owner(answers: dict[str, Any]) -> None:
    assert laws.one_path_one_owner(ROOT, {"name": "shop", **answers}) == []


@each_row(languages=["python"], different=["framework", "database"])
def test_rows_are_formatted_and_linted(
    answers: dict[str, Any], rendered: Callable[..., Path]
) -> None:
    """By the settings in its own pyproject.toml. The proof of each row has its linters' word.

    What checks other languages is not installed.
    """
    for check in (["format", "--check"], ["check"]):
        result = subprocess.run(
            [sys.executable, "-m", "ruff", *check, "--no-cache", "--quiet", "."],
            cwd=rendered(**answers),
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr


def test_what_is_gone_since_the_last_release_is_told() -> None:
    assert laws.what_goes_is_told(ROOT, ROOT) == []


STACK = "template__{{'.'}}__"


@pytest.mark.parametrize(
    ("law", "questions", "files", "violation"),
    [
        (
            laws.plain_by_default, "", {"template__a.txt.jinja": "plain"},
            "a.txt.jinja needs no .jinja: it has no value",
        ),
        (
            laws.statements_in_few_manifests, "",
            {"template__a.py.jinja": "{% if name %}x = 1{% endif %}"},
            "a.py.jinja is source code with a statement",
        ),
        (
            laws.statements_in_few_manifests, "",
            {f"{STACK}_stack__stack.yml": "x"}
            | {f"{STACK}{number}.md.jinja": "{% if 1 %}" for number in range(9)},
            "{{'.'}} has 9 files with statements",
        ),
        (
            laws.statements_in_few_manifests, "",
            {f"{STACK}_stack__stack.yml": "x", f"{STACK}a.md.jinja": "{% if 1 %}{% endif %}\n" * 4},
            "{{'.'}} has 4 statements in 4 lines of manifests",
        ),
        (
            laws.a_choice_is_a_record, "database: {type: str, choices: {A: a}, default: a}",
            {"template__a.md.jinja": "{{ 'x' if database == 'a' }}"},
            "a.md.jinja branches on a name: {{ 'x' if database == 'a' }}",
        ),
        (
            laws.a_choice_is_a_record, "database: {type: str, choices: {A: a}, default: a}",
            {"template__a.md.jinja": "{% if use.db_a %}{% endif %}"},
            "a.md.jinja branches on a name: {% if use.db_a %}",
        ),
        (laws.nothing_runs_on_the_users_machine, "_tasks: [ls]", {}, "copier.yml has _tasks"),
        (
            laws.every_byte_from_answers, "", {"template__a.md.jinja": "{{ _folder_name }}"},
            "a.md.jinja reads _folder_name, which is no answer",
        ),
        (
            laws.every_byte_from_answers, "", {"template__a.md.jinja": "{{ [1] | random }}"},
            "a.md.jinja uses random, which changes from run to run",
        ),
        (
            laws.every_byte_from_answers, "",
            {"template__a.md.jinja": "{{ _copier_conf.dst_path }}"},
            "a.md.jinja reads _copier_conf.dst_path",
        ),
        (
            laws.strict_settings, "_exclude: [_axes, _stack, __pycache__, '*.pyc']", {},
            "_exclude lacks .DS_Store",
        ),
        (
            laws.strict_settings, "_exclude: ['docs/**']", {},
            "_exclude has docs/**: only names and simple patterns",
        ),
        (
            laws.portable_names, "", {"template__a:b.txt": "x"},
            "a:b.txt has a character that Windows forbids",
        ),
        (
            laws.portable_names, "", {f"template__{'a' * 121}": "x"},
            f"{'a' * 121} is 121 characters long",
        ),
    ],
)  # fmt: skip
def test_a_law_catches_a_template_that_breaks_it(
    law: Callable[[Path], list[str]],
    questions: str,
    files: dict[str, str],
    violation: str,
    tmp_path: Path,
) -> None:
    assert violation in law(template(tmp_path, questions, **files))


def test_lax_jinja_settings_are_caught(tmp_path: Path) -> None:
    root = template(tmp_path)
    assert any(violation.startswith("_envops is") for violation in laws.strict_settings(root))


def test_links_and_empty_folders_are_caught(tmp_path: Path) -> None:
    root = template(tmp_path)
    (root / "template/empty").mkdir()
    (root / "template/link").symlink_to("empty")
    assert laws.portable_names(root) == ["empty is an empty folder", "link is a link"]


def test_one_path_with_two_owners_is_caught(tmp_path: Path) -> None:
    root = template(tmp_path, **{"template__{{'.'}}__a.txt": "same", "template__a.txt": "same"})
    assert laws.one_path_one_owner(root, {"name": "shop"}) == [
        "a.txt is written by a.txt and by {{'.'}}/a.txt"
    ]


@pytest.mark.parametrize(
    ("text", "violation"),
    [
        ("a \n", "a.md:1 ends with a space"),
        ("a", "a.md does not begin with text and end with one line break"),
        ("a\n\n", "a.md does not begin with text and end with one line break"),
        ("\na\n", "a.md does not begin with text and end with one line break"),
        ("a\n\n\nb\n", "a.md has stray blank lines"),
        ("{{ a }}\n", "a.md:1 has a trace of Jinja: {{ a }}"),
        ("{% if %}\n", "a.md:1 has a trace of Jinja: {% if %}"),
    ],
)
def test_unformatted_output_is_caught(text: str, violation: str) -> None:
    assert violation in laws.formatted([file("a.md", text)])


def test_expressions_of_a_workflow_are_no_trace_of_jinja() -> None:
    assert laws.formatted([file("ci.yml", "ref: ${{ github.ref }}\n")]) == []


def test_a_name_that_a_choice_lacks_is_caught() -> None:
    files = [
        file("src/app/main.py", "from app.auth.provider import authenticate, missing\n"),
        file("src/app/auth/provider.py", "def authenticate() -> None: ...\n"),
    ]
    assert laws.names_resolve(files) == ["app.main imports missing, which app.auth.provider lacks"]


MOVE = """_migrations:
- version: {version}
  when: "{{{{ _stage == 'before' }}}}"
  command: ["{{{{ _copier_python }}}}", "{script}", {paths}]
"""
SCRIPT = "{{ _copier_conf.src_path }}/migrations/move.py"
REMEDY = "add a move to _migrations, or add it to _scaffold_dropped"


def move(version: str, paths: str) -> str:
    return MOVE.format(version=version, script=SCRIPT, paths=paths)


@pytest.mark.parametrize(
    ("settings", "violations"),
    [
        (
            "",
            [f"old.txt is gone since v1.0.0: {REMEDY}"],
        ),
        (move("1.1.0", "old.txt, new.txt"), []),
        ("_scaffold_dropped: [old.txt]\n", []),
        (
            "_scaffold_dropped: [old.txt, kept.txt]\n",
            ["kept.txt is no path of v1.0.0 that is gone"],
        ),
        (
            move("1.0.0", "old.txt, new.txt"),
            ["old.txt moves with 1.0.0, which is not after v1.0.0"],
        ),
        (
            move("1.1.0", "old.txt, nwe.txt"),
            ["old.txt moves to nwe.txt, which is no path of the template"],
        ),
    ],
    ids=["nothing", "a move", "a drop", "a stale drop", "an old version", "a wrong name"],
)  # fmt: skip
def test_a_file_that_goes_must_be_told(
    tmp_path: Path, settings: str, violations: list[str]
) -> None:
    root = template(
        tmp_path, **{"template__{{'.'}}__old.txt": "text\n", "template__kept.txt": "text\n"}
    )
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, "First", tag="v1.0.0")
    git(root, "mv", "template/{{'.'}}/old.txt", "template/{{'.'}}/new.txt")
    with (root / "copier.yml").open("a") as file:
        file.write(settings)
    assert laws.what_goes_is_told(root, root) == violations


def file(path: str, text: str) -> RenderedFile:
    return RenderedFile(PurePosixPath(path), text.encode(), executable=False)
