"""What is specific to PostgreSQL."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import make_url, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from app import worker
from app.config import Settings
from app.database import Database, Session
from app.dialect import is_outage, update_unlocked
from app.jobs import Job, run_if_due
from tests.conftest import Start
from tests.databases import Databases


async def test_the_server_cancels_a_statement_that_takes_too_long(start: Start) -> None:
    service = await start(database_statement_timeout_seconds=0.1)
    with pytest.raises(DBAPIError, match="statement timeout") as cancelled:
        async with service.state.database.reading() as session:
            await session.execute(text("SELECT pg_sleep(5)"))
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


async def test_a_read_only_server_counts_as_an_outage(database: Database) -> None:
    with pytest.raises(DBAPIError, match="read-only") as refused:
        async with database.transaction() as session:
            await session.execute(text("SET TRANSACTION READ ONLY"))
            await session.execute(text("CREATE TABLE nothing ()"))
    assert is_outage(refused.value)


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


class Cups(DeclarativeBase): ...


class Cup(Cups):
    __tablename__ = "cups"

    id: Mapped[int] = mapped_column(primary_key=True)
    is_full: Mapped[bool] = mapped_column(default=False)


async def test_unlocked_rows_keep_their_limit_with_a_plan_that_repeats_subqueries(database: Database) -> None:
    async with database.transaction() as session:
        await (await session.connection()).run_sync(Cups.metadata.create_all)
        session.add_all(Cup() for _ in range(3))
        await session.flush()
        # What is left is a plan that would run a subquery again for each row.
        for method in ("hashjoin", "hashagg", "mergejoin", "sort", "material"):
            await session.execute(text(f"SET LOCAL enable_{method} = off"))
        oldest = select(Cup.id).order_by(Cup.id).limit(1)

        assert await update_unlocked(session, Cup, oldest, {"is_full": True}, [Cup.id]) == [(1,)]
