"""Fixtures: the service on a real database, and its clients."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from fastapi import APIRouter, FastAPI
from httpx2 import AsyncClient

from app import cli, clock
from app.config import Settings, settings
from app.database import Database
from app.main import create_app
from tests import caches, callers, stored
from tests.databases import Databases
from tests.processes import free_port

pytest_plugins = ["tests.queues"]

Start = Callable[..., Awaitable[FastAPI]]

# Ignore the .env file of the developer.
Settings.model_config["env_file"] = None


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def cache() -> Iterator[None]:
    """A cache for all processes that the tests start."""
    with caches.served() as variables, pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(autouse=True)
def isolated_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    caches.isolate(monkeypatch)


@pytest.fixture(scope="session")
def databases() -> Iterator[Databases]:
    with Databases.served() as databases:
        yield databases


@pytest.fixture(scope="session")
def migrated(databases: Databases) -> str:
    """The URL of a migrated database without rows. `database_url` empties or copies it for each test."""
    url = databases.create()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", url)
        settings.cache_clear()
        cli.main(["migrate"], standalone_mode=False)
    settings.cache_clear()
    return url


@pytest.fixture
def database_url(databases: Databases, migrated: str) -> str:
    return databases.fresh(migrated)


@pytest.fixture
def empty_database_url(databases: Databases) -> str:
    """A database that was never migrated."""
    return databases.create()


@pytest.fixture
def environment(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Sets environment variables for commands, which read their settings themselves."""
    for name, value in {"APP_ENV": "test", "LOG_FORMAT": "console", "DATABASE_URL": database_url}.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()


@pytest.fixture
def pass_time(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Move the clock of the service forward by some seconds."""
    passed = timedelta()

    def jump(seconds: float) -> None:
        nonlocal passed
        passed += timedelta(seconds=seconds)
        monkeypatch.setattr(clock, "now", lambda: datetime.now(UTC) + passed)

    return jump


@pytest.fixture
async def start(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Start]:
    """Start a service with additional routes and changed settings."""
    # A frozen garbage collector would hide the warnings about resources that a test does not close.
    monkeypatch.setattr("app.main.gc", Mock())
    monkeypatch.setattr("app.config.service.PRODUCTION_METRICS_PORT", free_port())
    defaults = {"app_env": "test", "log_format": "console", "database_url": database_url}
    async with AsyncExitStack() as running:

        async def start(*routers: APIRouter, **changes: Any) -> FastAPI:
            service = create_app(Settings(**(defaults | changes)))
            stored.refuse_locks(service.state.database)
            for router in routers:
                service.include_router(router)
            await running.enter_async_context(service.router.lifespan_context(service))
            return service

        yield start


@pytest.fixture
async def service(start: Start) -> FastAPI:
    return await start()


@pytest.fixture
def database(service: FastAPI) -> Database:
    database: Database = service.state.database
    return database


@pytest.fixture
def anybody(service: FastAPI) -> AsyncClient:
    return callers.anybody(service)


@pytest.fixture
async def member(service: FastAPI) -> AsyncClient:
    return await callers.member(service)


@pytest.fixture
async def admin(service: FastAPI) -> AsyncClient:
    return await callers.admin(service)


async def eventually(holds: Callable[[], Awaitable[bool]]) -> None:
    """Return as soon as the condition holds. Raises TimeoutError after 30 seconds."""
    async with asyncio.timeout(30):
        while not await holds():  # noqa: ASYNC110  # the condition has no event to wait for
            await asyncio.sleep(0.02)
