"""What is specific to SQLite."""

import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from app import cli, worker
from app.config import Settings, settings
from app.database import Database
from app.dialect import violated_constraint

FULL = 2


async def test_a_commit_is_on_the_disk_when_it_returns(database: Database) -> None:
    async with database.transaction() as session:
        assert await session.scalar(text("PRAGMA synchronous")) == FULL


@pytest.mark.parametrize(
    ("statement", "constraint"),
    [
        ("INSERT INTO t VALUES (2, 1, 1)", "uq_t_email"),
        ("INSERT INTO t VALUES (1, 2, 1)", "pk_t"),
        ("INSERT INTO t VALUES (2, 2, -1)", "ck_t_size"),
        ("INSERT INTO t VALUES (2, NULL, 1)", None),
    ],
)
def test_a_violated_constraint_is_named(statement: str, constraint: str | None) -> None:
    connection = sqlite3.connect(":memory:")
    columns = "id INT PRIMARY KEY, email INT NOT NULL UNIQUE, size INT, CONSTRAINT ck_t_size CHECK (size > 0)"
    connection.execute(f"CREATE TABLE t ({columns})")
    connection.execute("INSERT INTO t VALUES (1, 1, 1)")
    with pytest.raises(sqlite3.IntegrityError) as refused:
        connection.execute(statement)
    connection.close()

    assert violated_constraint(IntegrityError(statement, None, refused.value)) == constraint


@pytest.fixture
def no_database(tmp_path: Path) -> str:
    """The URL of a file that is not a database."""
    path = tmp_path / "app.db"
    path.write_text("This is a text, and long enough to be read as a header." * 20)
    return f"sqlite+aiosqlite:///{path}"


def test_a_file_that_is_not_a_database_ends_the_worker(no_database: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="78"):
        worker.check_servers(Settings(app_env="test", database_url=no_database))

    assert capsys.readouterr().err == "error: DATABASE_URL: file is not a database\n"


def test_a_file_that_is_not_a_database_ends_a_command(no_database: str, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("DATABASE_URL", no_database)
    settings.cache_clear()

    result = CliRunner().invoke(cli.main, ["migrate"])

    assert (result.exit_code, result.stderr) == (78, "error: DATABASE_URL: file is not a database\n")
