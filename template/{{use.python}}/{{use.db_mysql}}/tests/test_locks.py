"""A migration must not lock a table that is in use. The server is told to refuse a change that needs a lock."""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, event
from sqlalchemy.exc import DBAPIError

from app.config import settings
from tests.databases import Databases

CREATES = re.compile(r"\s*CREATE\s+TABLE\s+`?(\w+)", re.IGNORECASE)
ALTERS = re.compile(r"\s*ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?`?(\w+)", re.IGNORECASE)
INDEXES = re.compile(r"\s*CREATE\s+(?:\w+\s+)*INDEX\s.*?\sON\s+`?(\w+)", re.IGNORECASE | re.DOTALL)
"""To drop an index never needs a lock."""
EXCEPTION = re.compile(r"^ *# locks (\w+): \w", re.MULTILINE)
"""How a migration allows itself to lock a table: with a reason."""
REFUSED = (1845, 1846)  # without a reason, with a reason

COLUMN_AND_INDEX = """
def upgrade() -> None:
    op.add_column("scheduled_jobs", sa.Column("note", sa.String(500), nullable=True))
    op.create_index("ix_scheduled_jobs_due_at", "scheduled_jobs", ["due_at"])
    op.drop_index("ix_scheduled_jobs_due_at", "scheduled_jobs")
"""
NEW_TABLE = """
def upgrade() -> None:
    op.create_table("notes", sa.Column("id", sa.Integer(), primary_key=True))
    op.execute("ALTER TABLE notes MODIFY id BIGINT")
"""
TYPE = """
def upgrade() -> None:
    op.alter_column("scheduled_jobs", "due_at", type_=sa.String(40), nullable=False)
"""
CHECK = """
def upgrade() -> None:
    op.create_check_constraint("name", "scheduled_jobs", "length(name) > 1")
"""
INDEX = """
def upgrade() -> None:
    op.create_index("ix_scheduled_jobs_name", "scheduled_jobs", ["name"], mysql_prefix="FULLTEXT")
"""


@pytest.fixture
def migrations(databases: Databases, environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Config]:
    """A copy of the migrations, for an empty database. Tests add migrations to it."""
    environment.setenv("DATABASE_URL", databases.create())
    settings.cache_clear()
    config = Config("alembic.ini")
    config.set_main_option("script_location", str(shutil.copytree("migrations", tmp_path / "migrations")))
    yield config
    settings.cache_clear()


def test_no_migration_locks_a_table_that_is_in_use(migrations: Config) -> None:
    for script in reversed(list(ScriptDirectory.from_config(migrations).walk_revisions())):
        assert refusal(migrations, script.revision) == ""


@pytest.mark.parametrize("upgrade", [COLUMN_AND_INDEX, NEW_TABLE])
def test_a_migration_that_locks_no_table_in_use_is_not_refused(migrations: Config, upgrade: str) -> None:
    assert refusal(migrations, added(migrations, upgrade)) == ""


@pytest.mark.parametrize("upgrade", [TYPE, CHECK, INDEX])
def test_a_migration_that_locks_a_table_is_refused(migrations: Config, upgrade: str) -> None:
    assert "is not supported" in refusal(migrations, added(migrations, upgrade))


@pytest.mark.parametrize(
    ("comment", "refused"),
    [
        ("# locks scheduled_jobs: it has few rows", False),
        ("# locks scheduled_jobs:", True),
        ("# locks another_table: it has few rows", True),
    ],
)
def test_a_migration_may_lock_a_table_for_a_reason(migrations: Config, comment: str, refused: bool) -> None:
    answer = refusal(migrations, added(migrations, f"\n{comment}{TYPE}"))

    assert ("is not supported" in answer) is refused


def added(config: Config, upgrade: str) -> str:
    """Run all migrations, then add one. Returns its id."""
    command.upgrade(config, "head")
    revision = command.revision(config, message="change", rev_id="added")
    assert not isinstance(revision, list)
    assert revision is not None
    path = Path(revision.path)
    path.write_text(path.read_text().partition("def upgrade")[0] + upgrade)
    return revision.revision


def refusal(config: Config, revision: str) -> str:
    """Run one migration. Returns why the server refuses it, or nothing."""
    source = Path(ScriptDirectory.from_config(config).get_revision(revision).path).read_text()
    with locks_refused(except_for=set(EXCEPTION.findall(source))):
        try:
            command.upgrade(config, revision)
        except DBAPIError as error:
            if error.orig is None or error.orig.args[0] not in REFUSED:
                raise
            return f"{revision}: {error.orig.args[-1]}: {error.statement}"
    return ""


@contextmanager
def locks_refused(except_for: set[str]) -> Iterator[None]:
    """The server refuses changes that lock a table. New tables may be locked, because no request uses them yet."""
    free = set(except_for)

    def demand(_: Connection, __: object, statement: str, parameters: Any, *___: object) -> tuple[str, Any]:
        free.update(CREATES.findall(statement))
        for pattern, separator in ((ALTERS, ", "), (INDEXES, " ")):
            changes = pattern.match(statement)
            if changes and changes[1] not in free:
                return separator.join((statement.rstrip("; \n"), "ALGORITHM=INPLACE", "LOCK=NONE")), parameters
        return statement, parameters

    event.listen(Engine, "before_cursor_execute", demand, retval=True)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", demand)
