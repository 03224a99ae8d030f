"""What the platform asks."""

import asyncio
import time

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.web import health
from tests import callers
from tests.conftest import Start
from tests.databases import Databases


async def test_a_ready_service_names_its_checks(anybody: AsyncClient) -> None:
    answer = await anybody.get("/readyz")
    assert answer.status_code == 200
    assert answer.json()["status"] == "ok"
    assert answer.json()["checks"]["database"]["status"] == "ok"
    assert answer.json()["checks"]["database"]["latency_ms"] < 1000


async def test_without_its_database_it_is_alive_but_not_ready(start: Start, databases: Databases) -> None:
    client = callers.anybody(await start(database_url=databases.nowhere()))
    assert (await client.get("/livez")).json() == {"status": "ok"}
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["status"] == answer.json()["checks"]["database"]["status"] == "unavailable"


async def test_a_check_that_hangs_is_given_up(
    service: FastAPI, anybody: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "CHECK_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(service.state.database, "ping", lambda: asyncio.sleep(10))
    started_at = time.perf_counter()
    assert (await anybody.get("/readyz")).status_code == 503
    assert time.perf_counter() - started_at < 1


async def test_a_draining_service_is_not_ready(service: FastAPI, anybody: AsyncClient) -> None:
    service.state.draining = True
    assert (await anybody.get("/readyz")).status_code == 503
    assert (await anybody.get("/livez")).status_code == 200
