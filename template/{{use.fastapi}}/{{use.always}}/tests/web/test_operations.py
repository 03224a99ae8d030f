"""Probes, logs and metrics."""

import asyncio
import json
import logging
import time
from collections.abc import Callable
from unittest.mock import AsyncMock

import pytest
import structlog
from fastapi import FastAPI
from httpx2 import AsyncClient
from structlog.testing import capture_logs

from app import logs, migrations
from app.config import Settings, settings
from app.web import health
from tests import callers, production, stored
from tests.conftest import Start
from tests.databases import Databases
from tests.processes import free_port


async def test_without_its_database_the_service_is_live_but_not_ready(start: Start, databases: Databases) -> None:
    client = callers.anybody(await start(database_url=databases.nowhere()))
    assert (await client.get("/livez")).json() == {"status": "ok"}
    ready, stored = await client.get("/readyz"), await client.get("/api/probe/stored")
    assert (ready.status_code, ready.json()["checks"]["database"]["status"]) == (503, "unavailable")
    assert (stored.status_code, stored.json()["code"], stored.headers["Retry-After"]) == (503, "unavailable", "1")
    await asyncio.sleep(0.05)  # The thread of a driver may report the failure to the event loop later.


async def test_the_service_is_not_ready_without_migrations(
    start: Start, empty_database_url: str, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("DATABASE_URL", empty_database_url)
    settings.cache_clear()
    environment.setattr(health, "REUSE_SECONDS", 0)
    client = callers.anybody(await start(database_url=empty_database_url))
    assert (await client.get("/readyz")).status_code == 503
    for migrate, status in ((migrations.upgrade, 200), (migrations.downgrade, 503)):
        await asyncio.to_thread(migrate)
        assert (await client.get("/readyz")).status_code == status


async def test_the_service_is_not_ready_while_the_database_hangs(
    service: FastAPI, anybody: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECK_TIMEOUT_SECONDS", 0.05)
    service.state.checks = [health.HealthCheck("database", lambda: asyncio.sleep(10), required=True)]

    async with asyncio.timeout(1):
        assert (await anybody.get("/readyz")).status_code == 503


async def test_without_a_dependency_that_is_not_required_the_service_is_degraded(
    service: FastAPI, anybody: AsyncClient
) -> None:
    broken = AsyncMock(side_effect=ConnectionError)
    service.state.checks.append(health.HealthCheck("extra", broken, required=False))

    ready = await anybody.get("/readyz")

    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert {name: check["status"] for name, check in ready.json()["checks"].items()}.items() >= {
        ("database", "ok"),
        ("extra", "unavailable"),
    }


async def test_probes_share_one_check_per_second(
    service: FastAPI, anybody: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    ping = AsyncMock()
    service.state.checks = [health.HealthCheck("database", ping, required=True)]

    await asyncio.gather(*[anybody.get("/readyz") for _ in range(10)])
    await anybody.get("/readyz")
    assert ping.await_count == 1

    later = time.monotonic() + health.REUSE_SECONDS
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert (await anybody.get("/readyz")).json()["checks"]["database"]["status"] == "ok"
    assert ping.await_count == 2


async def test_a_process_that_shuts_down_is_live_but_not_ready(service: FastAPI, anybody: AsyncClient) -> None:
    service.state.draining = True

    for path, status in (("/readyz", 503), ("/livez", 200)):
        answer = await anybody.get(path)
        assert (answer.status_code, answer.headers["Connection"]) == (status, "close")


async def test_requests_fail_fast_while_the_connection_pool_is_exhausted(start: Start) -> None:
    service = await start(database_pool_size=1, database_acquire_timeout_seconds=0.1)
    client = callers.anybody(service)
    async with stored.only_connections_held(service.state.database), asyncio.timeout(1):
        assert (await client.get("/api/probe/stored")).json()["code"] == "unavailable"
    assert (await client.get("/api/probe/stored")).status_code == 200


def test_log_lines_of_the_service_and_of_libraries_are_json_without_secrets(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json", log_level="info"))
    secrets = dict.fromkeys(("password", "access_token", "Authorization", "AUTH_PRIVATE_KEY", "set-cookie"), "hunter2")
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger().debug("below the level")
        structlog.get_logger().info("hello", text="a\nb", **secrets)
    logging.getLogger("library").error("failed %s", "badly", exc_info=LookupError("gone"))
    structlog.reset_defaults()
    own, library = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    expected = {"event": "hello", "level": "info", "request_id": "r1", "text": "a\nb"}
    assert own.items() == (expected | dict.fromkeys(secrets, logs.REDACTED) | {"timestamp": own["timestamp"]}).items()
    assert (library["event"], library["level"], library["logger"]) == ("failed badly", "error", "library")
    assert "LookupError: gone" in library["exception"]


@pytest.mark.usefixtures("queue")  # a check of it that failed would be logged
async def test_a_request_is_logged_in_one_line_and_a_probe_is_not_logged(anybody: AsyncClient) -> None:
    headers = {"X-Request-ID": "r1", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    with capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logged:
        await anybody.head("/problems/none?password=hunter2", headers=headers)
        for path in ("/livez", "/readyz", "/metrics"):
            await anybody.get(path)
    [line] = logged
    expected = {"event": "request", "request_id": "r1", "trace_id": "a" * 32, "method": "HEAD", "status": 404}
    assert line.items() >= (expected | {"path": "/problems/none", "route": "/problems/{code}"}).items()
    assert "hunter2" not in str(line)


async def test_metrics_have_the_documented_names_and_unknown_paths_add_no_series(anybody: AsyncClient) -> None:
    for method, path in (("GET", "/api/probe/items/1"), ("GET", "/api/probe/stored"), ("BREW", "/nowhere")):
        await anybody.request(method, path)
    before = await _series(anybody)
    assert before >= {
        'http_server_request_duration_seconds_count{method="GET",route="/api/probe/items/{item_id}",status="200"}',
        "http_server_requests_in_flight",
        'db_client_operation_duration_seconds_count{operation="read"}',
        'db_pool_connections{state="in_use"}',
        'build_info{version="0.1.0"}',
    }
    for number in range(200):
        await anybody.request(f"BREW{number}", f"/{number}", headers={"X-Request-ID": f"{number}"})
    assert await _series(anybody) == before


def test_secrets_are_redacted_at_any_depth(capfd: pytest.CaptureFixture[str]) -> None:
    logs.configure(Settings(log_format="json", log_level="info"))

    structlog.get_logger().info("hello", request={"headers": [{"authorization": "Bearer hunter2", "host": "a"}]})
    structlog.reset_defaults()

    line = json.loads(capfd.readouterr().out)
    assert line["request"] == {"headers": [{"authorization": logs.REDACTED, "host": "a"}]}


async def test_metrics_are_answered_while_all_connections_are_in_use(start: Start) -> None:
    client = callers.anybody(service := await start(database_pool_size=1))
    async with stored.only_connections_held(service.state.database), asyncio.timeout(2):
        assert (await client.get("/metrics")).status_code == 200


@pytest.mark.parametrize("container", [list, tuple])
def test_secrets_in_a_sequence_are_redacted(
    container: Callable[[list[object]], object], capfd: pytest.CaptureFixture[str]
) -> None:
    logs.configure(Settings(log_format="json", log_level="info"))

    structlog.get_logger().info("hello", bodies=container([{"password": "hunter2"}]))
    structlog.reset_defaults()

    assert json.loads(capfd.readouterr().out)["bodies"] == [{"password": logs.REDACTED}]


async def test_metrics_are_private_in_production(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setattr("app.config.service.PRODUCTION_METRICS_PORT", port)
    client = callers.anybody(await start(app_env="production", **production.SECRETS))

    assert (await client.get("/metrics")).status_code == 404
    async with AsyncClient() as scraper:
        assert "build_info" in (await scraper.get(f"http://127.0.0.1:{port}/metrics")).text


async def test_metrics_may_have_a_separate_port(start: Start) -> None:
    port = free_port()
    client = callers.anybody(await start(metrics_port=port))
    assert (await client.get("/metrics")).status_code == 404
    async with AsyncClient() as scraper:
        assert "build_info" in (await scraper.get(f"http://127.0.0.1:{port}/metrics")).text


async def _series(client: AsyncClient) -> set[str]:
    lines = (await client.get("/metrics")).text.splitlines()
    return {line.rpartition(" ")[0] for line in lines if not line.startswith("#")}
