"""What operators see: probes, logs, metrics."""

import asyncio
import json
import logging

import pytest
import structlog
from fastapi import FastAPI
from httpx2 import AsyncClient
from structlog.testing import capture_logs

from app import logs
from app.config import Settings
from app.web import health
from tests import callers
from tests.conftest import Start
from tests.databases import Databases


async def test_a_ready_service_names_its_checks(anybody: AsyncClient) -> None:
    answer = await anybody.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ok")
    assert answer.json()["checks"]["database"].items() >= {("status", "ok")}


async def test_without_its_database_it_is_alive_but_not_ready(start: Start, databases: Databases) -> None:
    client = callers.anybody(await start(database_url=databases.nowhere()))
    assert (await client.get("/livez")).json() == {"status": "ok"}
    ready, stored = await client.get("/readyz"), await client.get("/api/probe/stored")
    assert (ready.status_code, ready.json()["checks"]["database"]["status"]) == (503, "unavailable")
    assert (stored.status_code, stored.json()["code"], stored.headers["Retry-After"]) == (503, "unavailable", "1")


async def test_a_check_that_hangs_is_given_up(
    service: FastAPI, anybody: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECK_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(service.state.database, "ping", lambda: asyncio.sleep(10))
    async with asyncio.timeout(1):
        assert (await anybody.get("/readyz")).status_code == 503


async def test_a_draining_service_is_not_ready_and_closes_connections(service: FastAPI, anybody: AsyncClient) -> None:
    service.state.draining = True
    assert (await anybody.get("/readyz")).status_code == 503
    answer = await anybody.get("/livez")
    assert (answer.status_code, answer.headers["Connection"]) == (200, "close")


async def test_an_exhausted_pool_refuses_in_time_and_recovers(start: Start) -> None:
    service = await start(database_pool_size=1, database_acquire_timeout_seconds=0.1)
    client, database = callers.anybody(service), service.state.database
    async with database.reading() as session:
        await session.connection()
        assert database.connections()["in_use"] == 1
        async with asyncio.timeout(1):
            assert (await client.get("/api/probe/stored")).json()["code"] == "unavailable"
    assert (await client.get("/api/probe/stored")).status_code == 200
    assert database.connections()["in_use"] == 0


def test_a_line_is_one_json_object_without_secrets(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json", log_level="info"))
    secrets = dict.fromkeys(("password", "access_token", "Authorization", "AUTH_PRIVATE_KEY", "set-cookie"), "hunter2")
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger().debug("below the level")
        structlog.get_logger().info("hello", text="a\nb", **secrets)
    structlog.reset_defaults()
    line = json.loads(capfd.readouterr().out)
    assert line.pop("timestamp").endswith("Z")
    redacted = dict.fromkeys(secrets, logs.REDACTED)
    assert line == {"event": "hello", "level": "info", "request_id": "r1", "text": "a\nb"} | redacted


def test_what_libraries_say_is_logged_alike(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json"))
    logging.getLogger("library").error("failed %s", "badly", exc_info=LookupError("gone"))
    structlog.reset_defaults()
    line = json.loads(capfd.readouterr().out)
    assert (line["event"], line["level"], line["logger"]) == ("failed badly", "error", "library")
    assert "LookupError: gone" in line["exception"]


def test_a_terminal_gets_readable_lines(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="console"))
    structlog.get_logger().info("hello", cookie="hunter2")
    said = capfd.readouterr().out
    assert ("hello" in said, "hunter2" in said) == (True, False)


async def test_a_request_is_one_line_with_its_id_and_a_probe_none(anybody: AsyncClient) -> None:
    headers = {"X-Request-ID": "r1", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        await anybody.get("/problems/none?password=hunter2", headers=headers)
        for path in ("/livez", "/readyz", "/metrics"):
            await anybody.get(path)
    [line] = logged
    assert line.pop("duration_ms") > 0
    assert line == {
        "event": "request",
        "log_level": "info",
        "request_id": "r1",
        "trace_id": "a" * 32,
        "method": "GET",
        "path": "/problems/none",
        "route": "/problems/{code}",
        "status": 404,
        "client": "127.0.0.1",
    }


async def series(client: AsyncClient) -> set[str]:
    """The names and labels of all samples."""
    lines = (await client.get("/metrics")).text.splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}


async def test_the_contract_is_measured(anybody: AsyncClient) -> None:
    for path in ("/api/probe/items/1", "/api/probe/stored"):
        await anybody.get(path)
    assert await series(anybody) >= {
        'http_server_request_duration_seconds_count{method="GET",route="/api/probe/items/{item_id}",status="200"}',
        "http_server_requests_in_flight",
        'db_client_operation_duration_seconds_count{operation="read"}',
        'db_pool_connections{state="in_use"}',
        'db_pool_connections{state="idle"}',
        'build_info{version="0.1.0"}',
    }


async def test_unknown_paths_and_methods_add_no_series(anybody: AsyncClient) -> None:
    await anybody.request("BREW", "/nowhere")
    before = await series(anybody)
    for number in range(200):
        await anybody.request(f"BREW{number}", f"/{number}", headers={"X-Request-ID": f"{number}"})
    assert await series(anybody) == before


async def test_metrics_may_have_a_port_of_their_own(start: Start) -> None:
    client = callers.anybody(await start(metrics_port=9100))
    assert (await client.get("/metrics")).status_code == 404
