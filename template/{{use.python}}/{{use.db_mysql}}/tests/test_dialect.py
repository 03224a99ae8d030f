"""What is specific to MySQL and MariaDB."""

import asyncio
from datetime import timedelta

import pytest
from asyncmy.errors import IntegrityError as MySQLIntegrityError
from sqlalchemy import make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app import clock, worker
from app.config import Settings
from app.database import Database, Session
from app.dialect import insert_if_absent, is_outage, try_lock, violated_constraint
from app.jobs import Job, run_if_due
from app.jobs.models import ScheduledJob
from tests.conftest import Start
from tests.databases import Databases


async def test_the_server_cancels_a_statement_that_takes_too_long(start: Start) -> None:
    service = await start(database_statement_timeout_seconds=0.1)
    # A sleep alone is interrupted without an error.
    slow = "SELECT count(*) FROM information_schema.columns WHERE sleep(1) = 0"
    with pytest.raises(DBAPIError, match=r"1969|3024") as cancelled:
        async with service.state.database.reading() as session:
            await session.execute(text(slow))
    assert is_outage(cancelled.value)


async def test_a_worker_skips_a_job_that_another_one_runs_for_longer_than_the_statement_timeout(start: Start) -> None:
    service = await start(database_statement_timeout_seconds=0.1)
    database: Database = service.state.database
    begun, release = asyncio.Event(), asyncio.Event()

    async def be_slow(session: Session) -> None:
        begun.set()
        await release.wait()

    job = Job("slow", timedelta(hours=1), be_slow)
    first = asyncio.create_task(run_if_due(database, job))
    await begun.wait()
    assert not await run_if_due(database, job)
    release.set()
    assert await first


@pytest.mark.parametrize("outcome", ["commit", "rollback"])
async def test_a_lock_is_held_until_its_transaction_ends(database: Database, database_url: str, outcome: str) -> None:
    # Another pool: a connection could take its own lock again.
    async with Database(Settings(app_env="test", database_url=database_url)) as elsewhere:
        async with database.transaction() as holder:
            assert await try_lock(holder, -1)
            async with elsewhere.transaction() as other:
                assert not await try_lock(other, -1)
            if outcome == "rollback":
                await holder.rollback()
        async with elsewhere.transaction() as other:
            assert await try_lock(other, -1)


async def test_a_read_only_server_counts_as_an_outage(database: Database) -> None:
    with pytest.raises(DBAPIError, match="READ ONLY") as refused:
        async with database.transaction() as session:
            await session.execute(text("SET TRANSACTION READ ONLY"))
            await session.rollback()
            await session.execute(text("START TRANSACTION READ ONLY"))
            await session.execute(text("DELETE FROM scheduled_jobs"))
    assert is_outage(refused.value)


async def test_strings_differ_by_case_accents_and_trailing_spaces(database: Database) -> None:
    names = ["tea", "Tea", "téa", "tea ", "\N{TEACUP WITHOUT HANDLE}"]
    async with database.transaction() as session:
        for name in names:
            await insert_if_absent(session, ScheduledJob, {"name": name, "due_at": clock.now()})
        found = (await session.scalars(text("SELECT name FROM scheduled_jobs"))).all()
    assert sorted(found) == sorted(names)


async def test_a_value_that_does_not_fit_is_refused(database: Database) -> None:
    with pytest.raises(DBAPIError, match="too long"):
        async with database.transaction() as session:
            session.add(ScheduledJob(name="x" * 101, due_at=clock.now()))


@pytest.mark.parametrize(
    ("message", "constraint"),
    [
        ("Duplicate entry 'for key 'x'' for key 'uq_t_email'", "uq_t_email"),
        ("Duplicate entry 'a' for key 't.uq_t_email'", "uq_t_email"),
        ("Duplicate entry '1' for key 'PRIMARY'", "PRIMARY"),
        ("CONSTRAINT `ck_t_size` failed for `app`.`t`", "ck_t_size"),
        ("Check constraint 'ck_t_size' is violated.", "ck_t_size"),
        ("Column 'email' cannot be null", None),
    ],
)
def test_a_violated_constraint_is_named(message: str, constraint: str | None) -> None:
    error = IntegrityError("INSERT", None, MySQLIntegrityError(1062, message))

    assert violated_constraint(error) == constraint


@pytest.mark.parametrize(("database", "username"), [("unknown", None), (None, "unknown")])
def test_a_url_that_the_server_refuses_ends_the_process(
    database_url: str, database: str | None, username: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    url = make_url(database_url).set(database=database, username=username).render_as_string(hide_password=False)

    with pytest.raises(SystemExit, match="78"):
        worker.check_servers(Settings(app_env="test", database_url=url))

    assert capsys.readouterr().err.startswith("error: DATABASE_URL: ")


def test_a_server_that_does_not_answer_does_not_end_the_process(databases: Databases) -> None:
    worker.check_servers(Settings(app_env="test", database_url=databases.nowhere()))
