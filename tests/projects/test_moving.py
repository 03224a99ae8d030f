"""The steps that `scaffold change` tells lead a live database to the new answer, rows and all."""

from __future__ import annotations

import os
import re
import subprocess
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scaffold.project.data_steps import steps
from scaffold.template.expressions import Jinja
from scaffold.template.render import render
from tests.combinations import TEMPLATE, answered, is_offered
from tests.drills import databases
from tests.drills.databases import Database
from tests.drills.databases.sql import SqlDatabase
from tests.runtimes.python import find_uv
from tests.tool.conftest import commit, git

JINJA = Jinja(TEMPLATE)
SEEDED = 25
DATABASES = ["sqlite", "postgresql", "mysql"]

Answers = Mapping[str, str]


@dataclass
class Project:
    """A project with a database in use; `told` are the steps of the last change."""

    folder: Path
    answers: dict[str, str]
    env: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    database: Database = field(init=False)

    def write(self) -> None:
        render(TEMPLATE, answered(self.answers), {}, self.folder)
        self.install()

    def install(self) -> None:
        """`make setup`, with the tester's own settings for package indexes."""
        env = {**os.environ, "PATH": f"{Path(find_uv()).parent}:{os.environ['PATH']}"}
        env.pop("VIRTUAL_ENV", None)
        subprocess.run(["make", "--silent", "setup"], cwd=self.folder, env=env, check=True)

    def change(self, **answers: str) -> None:
        """Swap the tree for that of the new answers; nothing is committed, the database stays."""
        self.plan(**answers)
        for path in git(self.folder, "ls-files").splitlines():
            (self.folder / path).unlink()
        self.answers |= answers
        self.write()

    def plan(self, **answers: str) -> None:
        new = answered({**self.answers, **answers})
        self.told = steps(JINJA, answered(self.answers).recorded, new)

    def follow(self, command: str) -> str:
        """Run a command that the steps name, in a shell; gives what it prints."""
        assert any(f"`{command}`" in step for step in self.told), f"no step says {command}"
        return self.run(command)

    def run(self, command: str) -> str:
        kept = {key: os.environ[key] for key in ("HOME", "PATH") if key in os.environ}
        path = f"{Path(find_uv()).parent}:{kept['PATH']}"
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env={**kept, "PATH": path, **self.env},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def code(self, phrase: str) -> str:
        """The code that follows on the paragraph with this phrase."""
        words = r"\s+".join(map(re.escape, phrase.split()))
        paragraph_and_code = re.compile(rf"{words}(?:.|\n(?!\n))*\n\n((?:    .+\n?|\n)+)")
        code = next(filter(None, map(paragraph_and_code.search, self.told)))
        return textwrap.dedent(code[1])

    def edit(self, path: str, old: str, new: str) -> None:
        file = self.migration(path)
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new, 1))

    def migration(self, name: str) -> Path:
        [file] = (self.folder / "migrations/versions").glob(name)
        return file

    def query(self, statement: str) -> list[str]:
        """The rows of the database, columns parted by `|`."""
        assert isinstance(self.database, SqlDatabase)
        return ["|".join(row) for row in self.database.query(statement)]

    def use_empty_database(self) -> None:
        """Let the project use an empty database of the kind that it has chosen."""
        # SQLite's default is the file `app.db` in the project.
        self.database = databases.create(self.answers["database"], "app", self.folder)
        self.env = {"DATABASE_URL": self.database.url} if self.database.server else {}

    def proves_itself(self) -> None:
        """The database is what the models say, and the new migrations keep their own rules."""
        self.run(".venv/bin/alembic check")
        self.run("make lint")
        self.run(".venv/bin/pytest -q tests/test_migrations.py")


@pytest.fixture
def project(tmp_path: Path, request: pytest.FixtureRequest) -> Project:
    """A committed project with the answers that the test asks for, and seeded rows."""
    project = Project(tmp_path / "shop", dict(request.param))
    project.folder.mkdir()
    project.use_empty_database()
    project.write()
    git(project.folder, "init", "--quiet")
    commit(project.folder, "First")
    project.run("make migrate seed")
    return project


def begun_with(on: Sequence[str] = DATABASES, **answers: str) -> pytest.MarkDecorator:
    """On these databases: those of a queue move in the same way on all, so they take turns."""
    cases = [{"database": database, **answers} for database in on]
    return pytest.mark.parametrize("project", cases, ids=on, indirect=True)


@begun_with(auth="none")
def test_orders_without_owners_stay(project: Project) -> None:
    project.change(auth="jwt")
    project.follow("git checkout HEAD -- migrations/versions")
    project.edit("0001_users.py", "down_revision = None", 'down_revision = "0004_orders"')
    project.follow("make format migrate")

    assert project.query("SELECT count(*) FROM orders WHERE owner = ''") == [str(SEEDED)]
    assert project.query("SELECT count(*) FROM users") == ["0"]
    project.proves_itself()


@begun_with(auth="jwt")
def test_orders_outlive_their_owners(project: Project) -> None:
    project.change(auth="none")
    double = "SELECT reference FROM orders GROUP BY reference HAVING count(*) > 1"
    assert any(double in " ".join(step.split()) for step in project.told)
    assert project.query(double) == []
    project.follow("git checkout HEAD -- migrations/versions")
    project.follow('make migration m="remove users"')
    users = project.migration("0001_users.py").read_text()
    file = project.migration("*remove_users.py")
    dropped = body(users, "downgrade") + textwrap.indent(project.code("the line below"), "    ")
    file.write_text(without_users(file.read_text(), body(users, "upgrade"), dropped))
    project.follow("make format migrate")

    assert project.query("SELECT count(*) FROM orders WHERE owner = ''") == [str(SEEDED)]
    assert project.query("SELECT count(*) FROM order_lines") == [str(SEEDED)]
    project.proves_itself()


@begun_with(["postgresql"], queue="none")
def test_a_queue_gets_its_tables(project: Project) -> None:
    project.change(queue="database")
    project.follow("git checkout HEAD -- migrations/versions")
    project.edit("0003_messages.py", '"0002_platform"', '"0004_orders"')
    project.follow("make format migrate")

    assert project.query("SELECT count(*) FROM orders") == [str(SEEDED)]
    assert project.query("SELECT count(*) FROM messages") == ["0"]
    project.proves_itself()


@begun_with(["mysql"], queue="database")
def test_a_queue_goes_with_its_tables(project: Project) -> None:
    project.change(queue="none")
    pending = "SELECT count(*) FROM messages WHERE state = 'pending'"
    assert any(pending in " ".join(step.split()) for step in project.told)
    assert project.query(pending) == [str(SEEDED)]
    project.follow("git checkout HEAD -- migrations/versions")
    project.follow('make migration m="remove messages"')
    project.follow("make format migrate")

    assert project.query("SELECT count(*) FROM orders") == [str(SEEDED)]
    project.proves_itself()


@begun_with(["sqlite"], queue="database")
def test_messages_stay_when_a_broker_takes_over(project: Project) -> None:
    project.change(queue="rabbitmq")
    project.follow("git checkout HEAD -- migrations/versions")
    project.edit("0003_handled_messages.py", '"0003_messages"', '"0004_orders"')
    project.follow("make format migrate")

    pending = "SELECT count(*) FROM messages WHERE state = 'pending'"
    assert project.query(pending) == [str(SEEDED)]
    assert project.query("SELECT count(*) FROM handled_messages") == ["0"]
    project.proves_itself()


@begun_with(["postgresql"], queue="rabbitmq")
def test_a_broker_is_drained_and_its_table_goes(project: Project) -> None:
    project.change(queue="database")
    assert any("rabbitmqctl list_queues name messages" in step for step in project.told)
    project.follow("git checkout HEAD -- migrations/versions")
    project.follow('make migration m="remove handled messages"')
    project.follow("make format migrate")

    assert project.query("SELECT count(*) FROM messages") == [str(SEEDED)]
    project.proves_itself()


@begun_with(["mysql"], queue="none")
def test_a_broker_gets_its_tables(project: Project) -> None:
    project.change(queue="rabbitmq")
    project.follow("git checkout HEAD -- migrations/versions")
    project.edit("0003_messages.py", '"0002_platform"', '"0004_orders"')
    project.follow("make format migrate")

    assert project.query("SELECT count(*) FROM handled_messages") == ["0"]
    project.proves_itself()


@pytest.mark.skipif(not is_offered("queue", "redis"), reason="Redis Streams are not offered yet")
@begun_with(["sqlite"], queue="redis")
def test_streams_are_drained_and_their_table_goes(project: Project) -> None:
    project.change(queue="database")
    assert any("redis-cli -u $QUEUE_URL XLEN" in step for step in project.told)
    project.follow("git checkout HEAD -- migrations/versions")
    project.follow('make migration m="remove handled messages"')
    project.follow("make format migrate")

    assert project.query("SELECT count(*) FROM messages") == [str(SEEDED)]
    project.proves_itself()


CONTENT = (
    "SELECT reference, currency, status, sku, quantity, orders.version, email FROM orders"
    " JOIN order_lines ON order_id = orders.id, users"
    " WHERE email = 'member@example.com' ORDER BY 1"
)


@begun_with(auth="jwt")
def test_rows_move_to_the_other_database(project: Project) -> None:
    before = project.query(CONTENT)
    other = DATABASES[DATABASES.index(project.answers["database"]) - 1]
    project.plan(database=other)
    (project.folder.parent / "move_rows.py").write_text(project.code("../move_rows.py"))
    script = ".venv/bin/python ../move_rows.py"
    dumped = project.follow(f"{script} dump ../rows")
    assert git(project.folder, "status", "--porcelain") == ""

    project.change(database=other)
    project.use_empty_database()
    project.follow("make migrate")
    loaded = project.follow(f"{script} load ../rows")

    assert loaded == dumped
    assert f"{SEEDED} orders\n" in loaded
    assert project.query(CONTENT) == before
    assert len(before) == SEEDED
    [price] = project.query("SELECT DISTINCT unit_price FROM order_lines")
    assert float(price) == (125_000 if other == "sqlite" else 12.5)
    project.run(".venv/bin/alembic check")


@pytest.mark.skipif(not is_offered("database", "mongodb"), reason="MongoDB is not offered yet")
@pytest.mark.parametrize("project", [{"database": "sqlite", "auth": "jwt"}], indirect=True)
def test_rows_become_documents_and_rows_again(project: Project) -> None:
    before = project.query(CONTENT)
    roles = project.query(
        "SELECT email, role FROM users JOIN grants ON user_id = users.id ORDER BY 1"
    )
    moved = []
    for other, save, load in (
        ("mongodb", "move_rows.py", "move_documents.py"),
        ("sqlite", "move_documents.py", "move_rows.py"),
    ):
        project.plan(database=other)
        for script in (save, load):
            (project.folder.parent / script).write_text(project.code(f"as ../{script}"))
        moved.append(project.follow(f".venv/bin/python ../{save} dump ../rows"))
        project.change(database=other)
        commit(project.folder, other)
        for file in project.folder.glob("app.db*"):
            file.unlink()
        project.use_empty_database()
        project.follow("make migrate")
        moved.append(project.follow(f".venv/bin/python ../{load} load ../rows"))

    assert len({frozenset(numbers.splitlines()) for numbers in moved}) == 1
    assert project.query(CONTENT) == before
    assert len(before) == SEEDED
    assert roles == project.query(
        "SELECT email, role FROM users JOIN grants ON user_id = users.id ORDER BY 1"
    )


def without_users(text: str, made: str, dropped: str) -> str:
    """The written migration with the bodies that the step names."""
    alembic, types = "from alembic import op\n", "from app.dialect import Digest, Timestamp\n"
    head = text[: text.index("def upgrade")].replace(alembic, f"{alembic}\n{types}")
    return f"{head}def upgrade() -> None:\n{dropped}\n\n\ndef downgrade() -> None:\n{made}"


def body(text: str, function: str) -> str:
    """What a function of a migration does."""
    found = re.search(rf"def {function}\(\) -> None:\n((?:    .*\n|\n(?=    ))+)", text)
    assert found
    return found[1]
