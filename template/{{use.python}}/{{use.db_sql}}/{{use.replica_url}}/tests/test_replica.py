"""Reads that may lack the latest changes. A second database stands in for the replica."""

import time
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import event, text
from structlog.testing import capture_logs

from app import clock, replica, worker
from app.config import Settings, settings_or_exit
from app.database import Database, Session
from app.jobs.models import ScheduledJob
from tests import callers, replicas, stored
from tests.conftest import Start
from tests.databases import Databases


@pytest.fixture
def replica_url(databases: Databases, environment: pytest.MonkeyPatch) -> str:
    return replicas.create(databases, environment)


@pytest.fixture
async def replicated(database_url: str, replica_url: str) -> AsyncIterator[Database]:
    """A database with a row whose replica has another one."""
    settings = Settings(app_env="test", database_url=database_url, database_replica_url=replica_url)
    async with Database(settings) as database, Database(Settings(app_env="test", database_url=replica_url)) as other:
        for each, name in ((database, "primary"), (other, "replica")):
            async with each.transaction() as session:
                await stored.add(session, ScheduledJob(name=name, due_at=clock.now()))
        yield database


@pytest.fixture
async def without_replica(start: Start, databases: Databases) -> FastAPI:
    """A service whose replica does not answer."""
    return await start(database_replica_url=databases.nowhere())


async def test_only_reads_that_may_be_stale_go_to_the_replica(replicated: Database) -> None:
    async with replicated.reading(stale_ok=True) as session:
        assert await jobs(session) == ["replica"]
    async with replicated.reading() as session:
        assert await jobs(session) == ["primary"]
    async with replicated.transaction() as session:
        assert await jobs(session) == ["primary"]


async def test_the_primary_answers_what_the_replica_cannot_until_it_can(
    replicated: Database, replica_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run_on_replica(statement: str) -> None:
        async with Database(Settings(app_env="test", database_url=replica_url)) as other, other.transaction() as change:
            await change.execute(text(statement))

    async def read() -> list[str]:
        async with replicated.reading(stale_ok=True) as session:
            return await jobs(session)

    monkeypatch.setattr(replica, "RETRY_SECONDS", 0)
    with capture_logs() as logged:
        assert await read() == ["replica"]
        await run_on_replica("ALTER TABLE scheduled_jobs RENAME TO gone")
        assert [await read(), await read()] == [["primary"], ["primary"]]
        await run_on_replica("ALTER TABLE gone RENAME TO scheduled_jobs")
        assert await read() == ["replica"]
    assert [line["event"] for line in logged] == ["replica unavailable", "replica available again"]


async def test_a_statement_that_is_wrong_fails(replicated: Database) -> None:
    with pytest.raises(Exception, match="nowhere"):
        async with replicated.reading(stale_ok=True) as session:
            await session.execute(text("SELECT 1 FROM nowhere"))


async def test_a_replica_that_is_gone_is_reported_once_and_asked_again_after_a_while(
    without_replica: FastAPI, monkeypatch: pytest.MonkeyPatch
) -> None:
    database: Database = without_replica.state.database
    [engine] = database._replica.engines  # noqa: SLF001  # the test counts its attempts
    attempts: list[object] = []
    event.listen(engine.sync_engine, "do_connect", lambda *arguments: attempts.append(arguments))

    async def read() -> None:
        async with database.reading(stale_ok=True) as session:
            await session.execute(text("SELECT 1"))

    with capture_logs() as logged:
        for _ in range(3):
            await read()
        assert len(attempts) == 1
        later = time.monotonic() + replica.RETRY_SECONDS
        monkeypatch.setattr(time, "monotonic", lambda: later)
        for _ in range(3):
            await read()
        assert len(attempts) == 2
    assert [(line["event"], line["log_level"]) for line in logged] == [("replica unavailable", "warning")]


async def test_without_its_replica_the_service_is_degraded(without_replica: FastAPI) -> None:
    ready = await callers.anybody(without_replica).get("/readyz")

    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert {name: check["status"] for name, check in ready.json()["checks"].items()}.items() >= {
        ("database", "ok"),
        ("replica", "unavailable"),
    }


async def test_a_replica_is_checked(start: Start, replica_url: str) -> None:
    ready = await callers.anybody(await start(database_replica_url=replica_url)).get("/readyz")

    assert ready.json()["checks"]["replica"]["status"] == "ok"


async def test_without_the_setting_there_is_no_replica(anybody: AsyncClient) -> None:
    assert "replica" not in (await anybody.get("/readyz")).json()["checks"]


def test_a_replica_that_does_not_answer_does_not_end_the_process(database_url: str, databases: Databases) -> None:
    replica_url = databases.nowhere()
    worker.check_servers(Settings(app_env="test", database_url=database_url, database_replica_url=replica_url))


@pytest.mark.parametrize("url", ["sqlite+aiosqlite:///hunter2.db", "hunter2"])
def test_another_url_is_refused_in_one_line(
    url: str, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environment.setenv("DATABASE_REPLICA_URL", url)

    with pytest.raises(SystemExit, match="78"):
        settings_or_exit()

    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: DATABASE_REPLICA_URL: must read like ")
    assert "hunter2" not in line


async def jobs(session: Session) -> list[str]:
    return [job.name for job in await stored.all_of(session, ScheduledJob)]
