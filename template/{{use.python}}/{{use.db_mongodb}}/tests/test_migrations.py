"""Migrations, and what they lead to."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from pymongo import MongoClient
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.database import Database

from app import migrations
from app.config import settings
from app.dialect import Fields
from tests.databases import Databases

RUFF = Path(sys.executable).with_name("ruff")


@pytest.fixture
def empty(databases: Databases, environment: pytest.MonkeyPatch) -> Iterator[Database[dict[str, Any]]]:
    """A database without collections."""
    url = databases.create()
    environment.setenv("DATABASE_URL", url)
    settings.cache_clear()
    with MongoClient[dict[str, Any]](url) as client:
        yield client.get_default_database()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(migrations.main, arguments)


def names(database: Database[dict[str, Any]]) -> set[str]:
    return set(database.list_collection_names()) - {migrations.APPLIED, migrations.LOCK}


def test_migrations_are_reversible(empty: Database[dict[str, Any]]) -> None:
    migrations.upgrade()
    first = names(empty)
    assert len(first) >= 2
    migrations.downgrade()
    assert names(empty) == set()
    migrations.upgrade()
    assert names(empty) == first
    assert migrations.drift() == []


def test_the_newest_migration_is_undone_alone(empty: Database[dict[str, Any]]) -> None:
    migrations.upgrade()

    assert run("downgrade", "-1").exit_code == 0

    known = [migration.revision for migration in migrations.history()]
    assert {each["_id"] for each in empty[migrations.APPLIED].find()} == set(known[:-1])


def test_a_difference_between_migrations_and_database_is_found(empty: Database[dict[str, Any]]) -> None:
    migrations.upgrade()
    empty["scheduled_jobs"].create_index("due_at")
    empty.command("collMod", "idempotency_keys", validator={})
    empty.create_collection("left_over")

    result = run("check")

    assert result.exit_code == 1
    for difference in ("+ left_over", "+ scheduled_jobs due_at_1", "- idempotency_keys {", "+ idempotency_keys {"):
        assert difference in result.output
    assert empty.client.list_database_names().count(empty.name) == 1
    assert not [name for name in empty.client.list_database_names() if name.startswith(f"{empty.name}_")]


def test_a_migration_that_this_code_lacks_is_reported_in_one_line(empty: Database[dict[str, Any]]) -> None:
    migrations.upgrade()
    empty[migrations.APPLIED].insert_one({"_id": "9999_newer"})

    assert run("upgrade").output == "Error: the database has migrations that this code lacks: 9999_newer\n"


@pytest.mark.usefixtures("empty")
def test_an_unknown_target_is_reported_in_one_line() -> None:
    migrations.upgrade()

    assert run("downgrade", "0000").output == "Error: 0000 has not run on this database\n"


async def test_a_second_migration_waits_for_the_first(empty: Database[dict[str, Any]]) -> None:
    empty[migrations.LOCK].insert_one({"_id": "lock"})
    waiting = asyncio.create_task(asyncio.to_thread(migrations.upgrade))
    await asyncio.sleep(0.5)
    assert not waiting.done()
    empty[migrations.LOCK].delete_one({})
    await waiting


def test_a_lock_that_another_process_has_taken_over_stays(
    empty: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def take_over(database: AsyncDatabase[Fields]) -> None:
        await database[migrations.LOCK].update_one({}, {"$set": {"owner": "another process"}})

    slow = migrations.Migration("0001_slow", None, take_over, take_over)
    monkeypatch.setattr(migrations, "history", lambda: [slow])
    migrations.upgrade()

    assert empty[migrations.LOCK].count_documents({}) == 1


def test_a_new_migration_follows_the_newest_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = migrations.history()
    for file in migrations.FOLDER.glob("*.py"):
        (tmp_path / file.name).write_text(file.read_text())
    monkeypatch.setattr(migrations, "FOLDER", tmp_path)

    assert run("revision", "-m", "Add customers").exit_code == 0

    newest = migrations.history()[-1]
    assert newest.follows == known[-1].revision
    assert newest.revision.endswith("_add_customers")


def test_a_new_migration_passes_the_linter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in migrations.FOLDER.glob("*.py"):
        (tmp_path / file.name).write_text(file.read_text())
    monkeypatch.setattr(migrations, "FOLDER", tmp_path)
    run("revision", "-m", "Add customers")

    result = subprocess.run(  # noqa: S603  # the program is a constant
        [RUFF, "check", "--isolated", tmp_path], capture_output=True, text=True, check=False
    )

    assert result.returncode == 0, result.stdout


def test_migrations_that_are_no_chain_are_reported_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations, "FOLDER", tmp_path)
    (tmp_path / "lost.py").write_text("revision, down_revision, upgrade, downgrade = 'lost', 'nowhere', None, None")

    assert "are not one chain" in run("revision", "-m", "x").output
