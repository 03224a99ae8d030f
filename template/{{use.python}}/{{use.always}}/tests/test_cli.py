"""The commands that every service has. The fixture `migrated` runs `migrate`."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app import clock
from app.cli import main
from app.config import settings
from app.database import Database
from app.jobs.models import ScheduledJob
from tests import stored
from tests.databases import Databases

pytestmark = pytest.mark.usefixtures("environment")


def run(*arguments: str, keyboard: str = "") -> Result:
    return CliRunner().invoke(main, arguments, input=keyboard)


def test_a_repeated_seed_adds_no_rows() -> None:
    assert run("seed").exit_code == 0
    seeded = asyncio.run(_count_rows())

    assert run("seed").exit_code == 0

    assert asyncio.run(_count_rows()) == seeded


def test_reset_leaves_only_the_example_data() -> None:
    run("seed")
    seeded = asyncio.run(_count_rows())
    asyncio.run(_add_row())
    assert asyncio.run(_count_rows()) != seeded

    assert run("reset", "--yes").exit_code == 0

    assert asyncio.run(_count_rows()) == seeded


def test_the_shell_defines_the_database_and_the_models() -> None:
    result = run("shell", keyboard="print(run(database.ping()), ScheduledJob.__name__)\n")

    assert result.exit_code == 0
    assert "None ScheduledJob" in result.output


def test_openapi_prints_the_document_and_nothing_else() -> None:
    assert json.loads(run("openapi").stdout)["openapi"].startswith("3.1")


@pytest.mark.parametrize("command", [["seed"], ["reset", "--yes"]])
def test_commands_for_development_do_not_run_in_production(monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    class Production:
        is_production = True

    monkeypatch.setattr("app.cli.settings_or_exit", Production)

    assert run(*command).stderr == "Error: this command does not run in production\n"


def test_reset_asks_before_it_deletes_anything() -> None:
    run("seed")
    before = asyncio.run(_count_rows())

    refused = run("reset", keyboard="n\n")

    assert refused.exit_code == 1
    assert "deletes all rows" in refused.output
    assert asyncio.run(_count_rows()) == before


def test_a_database_that_was_never_migrated_is_reported_in_one_line(
    environment: pytest.MonkeyPatch, empty_database_url: str
) -> None:
    environment.setenv("DATABASE_URL", empty_database_url)
    settings.cache_clear()
    assert run("seed").stderr == "Error: the database is not migrated: run the command `migrate` first\n"


def test_restore_brings_back_the_rows_of_a_backup(tmp_path: Path) -> None:
    file = tmp_path / "backup"
    run("seed")
    asyncio.run(_add_row())
    saved = asyncio.run(_count_rows())
    result = run("backup", str(file))
    if re.search("is missing|version mismatch", result.stderr):
        pytest.skip(result.stderr)
    assert result.exit_code == 0, result.output
    asyncio.run(_delete_row())
    assert asyncio.run(_count_rows()) != saved

    result = run("restore", str(file), "--yes")

    assert result.exit_code == 0, result.output
    assert asyncio.run(_count_rows()) == saved
    assert list(tmp_path.iterdir()) == [file]


def test_a_backup_does_not_replace_a_file(tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("kept")

    assert run("backup", str(tmp_path / "backup")).stderr == f"Error: {tmp_path}/backup exists\n"

    assert (tmp_path / "backup").read_text() == "kept"


def test_a_file_that_is_no_backup_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("This is no backup, and long enough to be read as a header." * 20)
    run("seed")
    before = asyncio.run(_count_rows())

    refused = run("restore", str(tmp_path / "backup"), "--yes")

    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: ")
    assert asyncio.run(_count_rows()) == before


def test_a_backup_of_a_database_that_does_not_answer_leaves_no_file(
    environment: pytest.MonkeyPatch, databases: Databases, tmp_path: Path
) -> None:
    environment.setenv("DATABASE_URL", databases.nowhere())
    settings.cache_clear()

    assert run("backup", str(tmp_path / "backup")).stderr.startswith("Error: ")

    assert list(tmp_path.iterdir()) == []


async def _count_rows() -> dict[str, int]:
    """The number of rows of each table."""
    async with Database(settings()) as database:
        return await stored.count_rows(database)


async def _add_row() -> None:
    async with Database(settings()) as database, database.transaction() as session:
        await stored.add(session, ScheduledJob(name="left over", due_at=clock.now()))


async def _delete_row() -> None:
    async with Database(settings()) as database, database.transaction() as session:
        row = await stored.find(session, ScheduledJob, "left over")
        assert row
        await stored.delete(session, row)
