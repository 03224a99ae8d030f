"""Scheduled jobs, and how API and worker processes start and stop."""

import asyncio
import socket
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from unittest.mock import AsyncMock, Mock

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, TransportError

from app import __main__ as api_main
from app import clock, dialect, idempotency, jobs, worker
from app.database import Database, Session
from app.idempotency.models import StoredResponse
from app.jobs import Job, run_if_due, run_jobs
from app.jobs.models import ScheduledJob
from tests import stored
from tests.conftest import eventually
from tests.processes import free_port, is_ready, running
from tests.slow_worker import SLOW_JOB


async def test_two_schedulers_run_a_job_once_per_tick(service: FastAPI, pass_time: Callable[[float], None]) -> None:
    run = AsyncMock(return_value=False)
    job = Job("count", timedelta(hours=1), run)
    schedulers = [Database(service.state.settings) for _ in range(2)]
    for ticks in (1, 2):
        await asyncio.gather(*(run_if_due(database, job) for database in schedulers * 5))
        assert run.await_count == ticks
        pass_time(3600)
    await asyncio.gather(*(database.close() for database in schedulers))


async def test_a_job_that_fails_changes_nothing_and_is_tried_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = asyncio.Event()
    found: list[ScheduledJob | None] = []

    async def fail_at_first(session: Session) -> None:
        found.append(await stored.find(session, ScheduledJob, "effect"))
        await stored.add(session, ScheduledJob(name="effect", due_at=clock.now()))
        if len(found) == 1:
            raise ValueError("at first")
        stop.set()

    monkeypatch.setattr(jobs, "POLL_SECONDS", 0)
    await run_jobs(database, [Job("flaky", timedelta(hours=1), fail_at_first)], stop)
    assert found == [None, None]


@pytest.mark.parametrize(("signals", "exit_code"), [(1, 0), (2, 128 + 15)])
async def test_a_signal_lets_requests_in_flight_finish_and_a_second_signal_does_not(
    database_url: str, tmp_path: Path, signals: int, exit_code: int
) -> None:
    port = free_port()
    settings = {"DATABASE_URL": database_url, "PORT": port, "SHUTDOWN_DELAY_SECONDS": 0.5}
    async with (
        running("tests.processes", tmp_path, **settings) as api,
        AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        assert api.stdout
        assert f'"url":"{client.base_url}"'.encode() in await asyncio.wait_for(api.stdout.readline(), 30)
        await eventually(lambda: is_ready(client))
        slow = asyncio.create_task(client.get("/slow/1.5"))
        await asyncio.sleep(0.2)
        for _ in range(signals):
            api.terminate()
            await asyncio.sleep(0.2)
        if signals == 1:
            assert (await client.get("/readyz")).status_code == 503
            assert (await slow).status_code == 200
        assert await asyncio.wait_for(api.wait(), 15) == exit_code
        if signals == 2:
            with pytest.raises(TransportError):
                await slow


async def test_a_process_that_exceeds_the_grace_period_fails(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    settings = {"DATABASE_URL": database_url, "PORT": port, "SHUTDOWN_GRACE_SECONDS": 1, "SHUTDOWN_DELAY_SECONDS": 0}
    async with (
        running("tests.processes", tmp_path, **settings) as api,
        AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        await eventually(lambda: is_ready(client))
        slow = asyncio.create_task(client.get("/slow/30", timeout=30))
        await asyncio.sleep(0.2)

        api.terminate()

        assert await asyncio.wait_for(api.wait(), 15) == 1
        with pytest.raises(TransportError):
            await slow


@pytest.mark.parametrize(
    ("entry_point", "arguments", "variable"),
    [
        (api_main, ["app"], "PORT"),
        (api_main, ["app", "--reload"], "PORT"),
        (api_main, ["app"], "METRICS_PORT"),
        (api_main, ["app", "--reload"], "METRICS_PORT"),
        (worker, ["worker"], "METRICS_PORT"),
    ],
)
def test_a_port_that_is_taken_is_reported_in_one_line(
    environment: pytest.MonkeyPatch, entry_point: ModuleType, arguments: list[str], variable: str
) -> None:
    environment.setenv("PORT", "0")
    environment.setattr("sys.argv", arguments)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment.setenv(variable, str(port))
        with pytest.raises(SystemExit, match=rf"port {port}: Address already in use\n\nhint: set HOST or {variable},"):
            entry_point.main()


async def test_a_job_that_is_not_done_runs_again_in_the_same_tick(database: Database) -> None:
    stop = asyncio.Event()
    left = [True, True, False]

    async def work(session: Session) -> bool:
        more = left.pop(0)
        if not more:
            stop.set()
        return more

    await asyncio.wait_for(run_jobs(database, [Job("long", timedelta(hours=1), work)], stop), 4)

    assert left == []
    assert not await run_if_due(database, Job("long", timedelta(hours=1), AsyncMock()))


async def test_expired_rows_are_deleted_in_short_transactions(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    response = {"scope": "anonymous POST /", "fingerprint": bytes(32), "status": 201, "body": b"{}"}
    ages = [timedelta(hours=hours) for hours in (-3, -2, -1, 1)]
    responses = [
        StoredResponse(**response, key=f"{number}", location=None, etag=None, expires_at=clock.now() + age)
        for number, age in enumerate(ages)
    ]
    async with database.transaction() as session:
        await stored.add(session, *responses)
    monkeypatch.setattr("app.database.DELETED_AT_ONCE", 2)

    [purge] = idempotency.jobs
    assert [await run_if_due(database, purge) for _ in range(3)] == [True, True, False]

    async with database.reading() as session:
        assert [left.key for left in await stored.all_of(session, StoredResponse)] == ["3"]


@pytest.mark.parametrize("entry_point", [api_main, worker])
def test_a_database_url_that_cannot_be_right_ends_the_process(
    environment: pytest.MonkeyPatch, entry_point: ModuleType
) -> None:
    environment.setenv("PORT", "0")
    environment.setattr("sys.argv", ["app"])
    environment.setattr(api_main, "Server", Mock())
    environment.setattr(worker, "_serve", AsyncMock())
    environment.setattr(Database, "ping", AsyncMock(side_effect=OSError("gone")))
    entry_point.main()  # the database may answer later

    environment.setattr(dialect, "is_misconfigured", lambda error: True)
    with pytest.raises(SystemExit, match="78"):
        entry_point.main()


async def test_a_worker_finishes_the_running_job_before_it_stops(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    async with running("tests.slow_worker", tmp_path, DATABASE_URL=database_url) as process:
        assert process.stdout
        async for line in process.stdout:  # a worker whose broker is away logs that, too
            if b"job begun" in line:
                break

        process.terminate()

        assert await asyncio.wait_for(process.wait(), 5) == 0
    assert not await run_if_due(database, SLOW_JOB), "it is done in this tick"
