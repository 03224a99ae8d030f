"""What is specific to MongoDB."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from bson import Decimal128
from pymongo.errors import ConfigurationError, InvalidOperation, OperationFailure, PyMongoError

from app import backups, clock, worker
from app.config import Settings
from app.database import Database, Session
from app.dialect import CODEC, in_milliseconds, is_misconfigured, is_outage
from app.errors import BackupError
from app.jobs import Job, run_if_due
from app.jobs.models import ScheduledJob
from tests import stored
from tests.conftest import Start
from tests.databases import Databases


async def job(database: Database, name: str) -> ScheduledJob | None:
    async with database.reading() as session:
        return await session.get(ScheduledJob, name)


async def test_a_worker_skips_a_job_that_another_one_runs_for_longer_than_it_would_wait(start: Start) -> None:
    service = await start(database_lock_timeout_seconds=0.1)
    database: Database = service.state.database
    begun, release = asyncio.Event(), asyncio.Event()

    async def be_slow(session: Session) -> None:
        begun.set()
        await release.wait()

    slow = Job("slow", timedelta(hours=1), be_slow)
    first = asyncio.create_task(run_if_due(database, slow))
    await begun.wait()
    assert not await run_if_due(database, slow)
    release.set()
    assert await first


async def test_a_first_write_waits_for_another_transaction(database: Database) -> None:
    async with database.transaction() as session:
        await stored.add(session, ScheduledJob(name="tea", due_at=clock.now()))

    async def postpone() -> int:
        async with database.transaction() as session:
            return await session.update(ScheduledJob, {"_id": "tea"}, {"due_at": clock.now()})

    async with database.transaction() as session:
        assert await session.lock(ScheduledJob, {"_id": "tea"})
        waiting = asyncio.create_task(postpone())
        await asyncio.sleep(0.2)
        assert not waiting.done()
    assert await waiting == 1


async def test_a_wait_for_another_transaction_is_bounded_and_counts_as_an_outage(start: Start) -> None:
    service = await start(database_lock_timeout_seconds=0.2)
    database: Database = service.state.database
    async with database.transaction() as session:
        await stored.add(session, ScheduledJob(name="tea", due_at=clock.now()))
    async with database.transaction() as session, asyncio.timeout(2):
        await session.lock(ScheduledJob, {"_id": "tea"})
        with pytest.raises(OperationFailure) as refused:
            async with database.transaction() as other:
                await other.lock(ScheduledJob, {"_id": "tea"})
    assert is_outage(refused.value)


async def test_a_conflict_after_a_write_fails_and_rolls_back(database: Database) -> None:
    async with database.transaction() as session:
        await stored.add(session, ScheduledJob(name="tea", due_at=clock.now()))
    with pytest.raises(OperationFailure) as refused:
        async with database.transaction() as session:
            await stored.add(session, ScheduledJob(name="water", due_at=clock.now()))
            async with database.transaction() as other:
                await other.update(ScheduledJob, {"_id": "tea"}, {"due_at": clock.now()})
            await session.update(ScheduledJob, {"_id": "tea"}, {"due_at": clock.now()})
    assert is_outage(refused.value)
    assert await job(database, "water") is None


async def test_a_commit_whose_result_is_unknown_is_repeated(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.transaction() as session:
        await stored.add(session, ScheduledJob(name="tea", due_at=clock.now()))
        assert session.client_session
        commit = session.client_session.commit_transaction
        attempts = []

        async def commit_and_lose_the_connection() -> None:
            await commit()
            attempts.append(1)
            if len(attempts) == 1:
                raise PyMongoError("the connection was lost", ["UnknownTransactionCommitResult"])

        monkeypatch.setattr(session.client_session, "commit_transaction", commit_and_lose_the_connection)

    assert len(attempts) == 2
    assert await job(database, "tea")


async def test_a_session_that_only_reads_cannot_lock(database: Database) -> None:
    async with database.reading() as session:
        with pytest.raises(InvalidOperation):
            await session.lock(ScheduledJob, {"_id": "tea"})


async def test_decimals_are_exact_and_times_have_milliseconds_in_utc(database: Database) -> None:
    moment = datetime(2026, 1, 1, 12, 0, 0, 123_456, UTC)
    async with database.reading() as session:
        collection = session.outside(ScheduledJob).database["values"]
        await collection.insert_one({"_id": 1, "price": Decimal("12.5025"), "at": moment})
        plain = collection.with_options(CODEC.with_options(type_registry=None))
        assert (await plain.find_one() or {})["price"] == Decimal128("12.5025")
        assert await collection.find_one() == {"_id": 1, "price": Decimal("12.5025"), "at": in_milliseconds(moment)}
        await collection.drop()


async def test_a_server_without_a_replica_set_ends_the_process(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Standalone:
        server_type_name = "Standalone"

    await database.ping()
    monkeypatch.setattr(type(database.client.topology_description), "server_descriptions", lambda _: {1: Standalone})
    with pytest.raises(ConfigurationError, match="replica set") as refused:
        await database.ping()
    assert is_misconfigured(refused.value)


def test_a_user_that_the_server_refuses_ends_the_process(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    url = database_url.replace("mongodb://", "mongodb://unknown:secret@")

    with pytest.raises(SystemExit, match="78"):
        worker.check_servers(Settings(app_env="test", database_url=url))

    [line] = capsys.readouterr().err.splitlines()
    assert line.lower().startswith("error: database_url: auth")
    assert "secret" not in line


def test_a_server_that_does_not_answer_does_not_end_the_process(databases: Databases) -> None:
    url = databases.nowhere()

    worker.check_servers(Settings(app_env="test", database_url=url, database_acquire_timeout_seconds=0.2))


@pytest.mark.parametrize("url", ["mysql://localhost/app", "mongodb://localhost:27017", "mongodb://:0/app"])
def test_a_url_that_cannot_be_right_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="database_url"):
        Settings(app_env="test", database_url=url)


async def test_a_backup_that_is_cut_off_replaces_nothing(database: Database, database_url: str, tmp_path: Path) -> None:
    settings = Settings(app_env="test", database_url=database_url)
    async with database.transaction() as session:
        await stored.add(session, *(ScheduledJob(name=f"{number}", due_at=clock.now()) for number in range(2000)))
    file = tmp_path / "backup"
    await asyncio.to_thread(backups.save, settings, file)
    file.write_bytes(file.read_bytes()[:-100])

    with pytest.raises(BackupError):
        await asyncio.to_thread(backups.restore, settings, file)

    assert (await stored.count_rows(database))["scheduled_jobs"] == 2000


async def test_a_backup_of_other_migrations_replaces_nothing(
    database: Database, database_url: str, tmp_path: Path, databases: Databases
) -> None:
    await asyncio.to_thread(backups.save, Settings(app_env="test", database_url=database_url), tmp_path / "backup")
    empty = Settings(app_env="test", database_url=databases.create())

    with pytest.raises(BackupError, match="migrate the database to it first"):
        await asyncio.to_thread(backups.restore, empty, tmp_path / "backup")
