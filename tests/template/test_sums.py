"""Choices add up: what one axis changes does not depend on the other axes. A new choice is small.

`docs/architecture.md` names the files in which projects differ and the cost of a new choice.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations, product
from pathlib import Path

import pytest
import yaml

from scaffold.template.expressions import Jinja
from scaffold.template.questions import Questionnaire
from scaffold.template.spec import load
from tests.combinations import ROOT, TEMPLATE, answered, axes, each_row, language
from tests.combinations import combinations as legal_combinations
from tests.laws.laws import names_resolve
from tests.rendering import RenderedFile, rendered

AUTHS, QUEUES, CACHES = (axes()[name] for name in ("auth", "queue", "cache"))
STORAGE = sorted({(row["database"], row["queue"]) for row in legal_combinations()})
"""The databases and queues that go together."""
SLICES = re.compile(
    r"(src/app|tests)/(orders|web|messaging)/|migrations/versions/000[34]_|src/app/[a-z_]+\.py"
)
KINDS = yaml.safe_load((ROOT / "template/_axes/database.yml").read_text())["databases"]["default"]
LANGUAGES = {
    name: facts["title"]
    for question in TEMPLATE.questions
    if question.name == "languages"
    for name, facts in question.default.items()
}
STORED = re.compile(r"/(models|repository)\.py$|^migrations/")
LIBRARIES = "sqlalchemy|alembic|aiosqlite|sqlite3|asyncpg|asyncmy|pymongo|bson"
MOST_FILES = 8
in_one_process = pytest.mark.xdist_group("sums")
"""So that each project is rendered once."""


def contents(files: list[RenderedFile]) -> dict[str, bytes]:
    return {file.path.as_posix(): file.content for file in files}


@cache
def project(**answers: str) -> dict[str, bytes]:
    """The files of a project. Do not change it."""
    return contents(rendered(TEMPLATE, answered(answers)))


@in_one_process
@pytest.mark.parametrize(("database", "queue"), STORAGE)
def test_features_and_their_tests_are_the_same_for_every_auth_choice(
    database: str, queue: str
) -> None:
    first, *others = (
        {
            path: content
            for path, content in project(database=database, auth=auth, queue=queue).items()
            if SLICES.match(path)
        }
        for auth in AUTHS
    )

    assert len(first) > 40
    for other in others:
        assert other == first


@in_one_process
@pytest.mark.parametrize(("auth", "queue"), [*product(AUTHS, QUEUES)])
def test_databases_differ_only_in_the_files_that_the_architecture_names(
    auth: str, queue: str
) -> None:
    databases = [database for database, other in STORAGE if other == queue]
    projects = {each: project(database=each, auth=auth, queue=queue) for each in databases}
    named = named_after("Between two databases")
    storage = named | named_after("Between databases of two kinds")

    for one, other in combinations(databases, 2):
        differences = differing(projects[one], projects[other])
        print(f"{one} and {other}: {' '.join(sorted(differences))}")
        if KINDS[one]["kind"] == KINDS[other]["kind"]:
            assert differences <= named
        else:
            assert {path for path in differences if not STORED.search(path)} <= storage


@in_one_process
@pytest.mark.parametrize("database", KINDS)
def test_queues_differ_only_in_the_files_that_the_architecture_names(database: str) -> None:
    queues = [queue for each, queue in STORAGE if each == database and queue != "none"]
    between_brokers = named_after("Between two brokers")
    named = between_brokers | named_after("Between a broker and the queue `database`")

    for one, other in combinations(queues, 2):
        first, second = (project(database=database, queue=queue) for queue in (one, other))
        differences = differing(first, second)
        print(f"{one} and {other}: {' '.join(sorted(differences))}")
        assert differences <= (named if "database" in (one, other) else between_brokers)


@in_one_process
@pytest.mark.parametrize("one", CACHES)
def test_caches_differ_only_in_the_files_that_the_architecture_names(one: str) -> None:
    for other in CACHES:
        assert differing(project(cache=one), project(cache=other)) <= named_after(
            "Between two caches"
        )


@in_one_process
@pytest.mark.parametrize("preset", TEMPLATE.presets)
def test_frameworks_of_a_language_differ_only_in_the_files_that_the_architecture_names(
    preset: str,
) -> None:
    answers = TEMPLATE.presets[preset].answers
    every = [{"framework": framework, **answers} for framework in axes()["framework"]]
    for one, other in combinations(every, 2):
        if language(one) != language(other):
            continue
        differences = differing(project(**one), project(**other))
        print(f"{one['framework']} and {other['framework']}: {' '.join(sorted(differences))}")
        assert differences <= named_after(f"Between two frameworks in {LANGUAGES[language(one)]}")


@each_row(webhooks="none")
def test_a_project_without_webhooks_has_no_trace_of_them(answers: Mapping[str, str]) -> None:
    files = project(**answers)

    assert [
        path
        for path, content in files.items()
        if re.search(rb"webhook|http_client", path.encode() + content, re.IGNORECASE)
    ] == [".copier-answers.yml"]


def differing(first: Mapping[str, bytes], second: Mapping[str, bytes]) -> set[str]:
    """The paths of the files that two projects do not share."""
    return {path for path in first.keys() | second.keys() if first.get(path) != second.get(path)}


def named_after(words: str) -> set[str]:
    """The files that a paragraph of the architecture names after these words."""
    page = (ROOT / "docs/architecture.md").read_text()
    return set(re.findall(r"`([^`]+)`", page.partition(words)[2].partition("\n\n")[0]))


@dataclass(frozen=True)
class Dummy:
    """A new choice that copies what an existing one must have."""

    answer: str
    like: str
    record: str
    layer: str
    kind: str
    files: tuple[str, ...]
    """The files that the new choice owns; those of its kind and of all choices are shared."""


DUMMIES = [
    Dummy(
        "database",
        "sqlite",
        "database.yml",
        "db",
        "sql",
        (
            "src/app/backups.py",
            "src/app/config/database.py",
            "src/app/dialect.py",
            "tests/databases.py",
        ),
    ),
    Dummy(
        "auth",
        "none",
        "auth.yml",
        "auth",
        "dummy",
        (
            "src/app/auth/__init__.py",
            "src/app/auth/audit.py",
            "src/app/auth/provider.py",
            "src/app/auth/routers.py",
            "src/app/auth/scheme.py",
            "src/app/auth/seed.py",
            "src/app/config/auth.py",
            "tests/callers.py",
        ),
    ),
    Dummy(
        "queue",
        "database",
        "queue.yml",
        "queue",
        "outbox",
        (
            "src/app/config/queue.py",
            "src/app/messaging/__init__.py",
            "src/app/messaging/consumer/__init__.py",
            "src/app/messaging/consumer/repository.py",
            "tests/messaging/workers.py",
            "tests/queues.py",
        ),
    ),
    Dummy(
        "queue",
        "rabbitmq",
        "queue.yml",
        "queue",
        "outbox, broker, waves",
        (
            "src/app/config/queue.py",
            "src/app/messaging/broker.py",
            "tests/queues.py",
        ),
    ),
    Dummy(
        "cache",
        "memcached",
        "cache.yml",
        "cache",
        "server",
        (
            "scripts/cache_program.py",
            "src/app/cache/store.py",
            "src/app/config/cache.py",
        ),
    ),
]


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """A copy of the template to which tests add choices."""
    shutil.copytree(ROOT / "template", tmp_path / "template")
    shutil.copy(ROOT / "copier.yml", tmp_path)
    return tmp_path


@pytest.mark.parametrize("dummy", DUMMIES, ids=lambda dummy: f"{dummy.answer}-{dummy.like}")
def test_a_new_choice_adds_few_files(template: Path, dummy: Dummy) -> None:
    add(template, dummy, dummy.files)

    assert names_resolve(new_project(template, {dummy.answer: "dummy"})) == []
    assert len(dummy.files) <= MOST_FILES


@pytest.mark.parametrize("dummy", DUMMIES, ids=lambda dummy: f"{dummy.answer}-{dummy.like}")
def test_a_new_choice_needs_each_of_its_modules(template: Path, dummy: Dummy) -> None:
    add(template, dummy, dummy.files)
    files = new_project(template, {dummy.answer: "dummy"})

    for path in dummy.files:
        if path.startswith("src/"):
            assert names_resolve([file for file in files if str(file.path) != path]), path


@in_one_process
def test_a_new_framework_of_the_same_language_adds_one_folder(template: Path) -> None:
    before = {path for path in template.rglob("*") if path.is_file()}
    folder = template / "template/{{use.fastapi}}"
    shutil.copytree(folder, template / "template/{{use.dummy}}")
    record = "{{use.dummy}}/_stack/stack.yml"
    replace(template, f"template/{record}", "stack_fastapi:", "stack_dummy:")
    records = "'fastapi': stack_fastapi"
    replace(template, "template/_axes/stacks.jinja", records, f"{records}, 'dummy': stack_dummy")
    include = "!include template/{{use.fastapi}}/_stack/stack.yml\n---\n"
    replace(
        template, "copier.yml", re.escape(include), f"{include}!include template/{record}\n---\n"
    )
    replace(
        template, "copier.yml", r": fastapi\n", ": fastapi\n    Dummy: dummy\n", after="framework"
    )

    files = new_project(template, {"framework": "dummy"})

    assert contents(files).keys() == project().keys()
    added = {path for path in template.rglob("*") if path.is_file()} - before
    assert {path.relative_to(template).parts[1] for path in added} == {"{{use.dummy}}"}


def test_the_core_of_the_language_knows_no_framework() -> None:
    files = list((ROOT / "template/{{use.python}}").rglob("src/**/*.py*"))

    assert len(files) > 40
    for file in files:
        assert not re.search(
            r"^\s*(from|import) (fastapi|starlette)\b", file.read_text(), re.MULTILINE
        )


def test_only_the_layers_of_databases_know_the_libraries_of_databases() -> None:
    shared = [
        path
        for path in (ROOT / "template").rglob("*.py*")
        if path.suffix in (".py", ".jinja")
        if not re.search(r"{{use\.(db|notifier)_|_stack|__pycache__", path.as_posix())
    ]

    assert len(shared) > 100
    for path in shared:
        assert not re.search(
            rf"^\s*(from|import) ({LIBRARIES})\b", path.read_text(), re.MULTILINE
        ), path


def add(root: Path, dummy: Dummy, paths: tuple[str, ...]) -> None:
    """Add a choice: its record, its name, and these files."""
    record = (root / "template/_axes" / dummy.record).read_text()
    [like] = re.findall(rf"^    {dummy.like}:\n(?:      .*\n)+", record, re.MULTILINE)
    new = re.sub(
        r"kinds?: .+",
        f"kinds: [{dummy.kind}]" if "kinds:" in like else f"kind: {dummy.kind}",
        like.replace(dummy.like, "dummy", 1),
    )
    replace(root, f"template/_axes/{dummy.record}", re.escape(like), like + new)
    name = f"'{dummy.layer}_dummy'"
    replace(root, "template/_axes/use.jinja", r"\['db_sql', ", f"['db_sql', {name}, ")
    replace(
        root, "copier.yml", r"  choices:\n", "  choices:\n    Dummy: dummy\n", after=dummy.answer
    )
    shutil.copy(
        root / "template/{{use.fastapi}}/_stack/openapi/auth_none.json",
        root / "template/{{use.fastapi}}/_stack/openapi/auth_dummy.json",
    )
    if dummy.answer == "queue":
        parts = root / "template/{{use.fastapi}}/_stack/asyncapi"
        shutil.copy(parts / f"queue_{dummy.like}.json", parts / "queue_dummy.json")
    for source in layers(root, dummy):
        path = source.relative_to(root).as_posix()
        if any(path.endswith(f"}}}}/{each}") for each in paths):
            target = root / path.replace(
                f"{{{{use.{dummy.layer}_{dummy.like}}}}}", f"{{{{use.{dummy.layer}_dummy}}}}"
            )
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def layers(root: Path, dummy: Dummy) -> Iterator[Path]:
    """The files that only the copied choice has."""
    name = f"{{{{use.{dummy.layer}_{dummy.like}}}}}"
    return (
        path for path in (root / "template").rglob("*") if name in path.parts and path.is_file()
    )


def replace(root: Path, file: str, pattern: str, by: str, after: str = "") -> None:
    """Replace the first match after the line that begins with `after`."""
    path = root / file
    text = path.read_text()
    start = text.index(f"\n{after}:") if after else 0
    changed = re.sub(pattern, lambda _: by, text[start:], count=1)
    assert changed != text[start:], f"{file} has no {pattern}"
    path.write_text(text[:start] + changed)


def new_project(root: Path, answers: Mapping[str, str]) -> list[RenderedFile]:
    """A project of the changed template."""
    template = load(root)
    return rendered(template, Questionnaire(Jinja(template)).answers({"name": "shop", **answers}))
