"""A receiver, a service that delivers to it, and its worker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app import webhooks
from app.messaging import Queue
from app.subscriptions import HANDLERS
from tests import callers
from tests.conftest import Start, eventually
from tests.messaging.workers import work
from tests.receivers import Receiver, receiving

ENDPOINTS = "/api/v1/webhook-endpoints"
POLL_SECONDS = 0.05

Deliver = Callable[[], Awaitable[None]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
async def service(start: Start, queue: None) -> FastAPI:
    """In development, so that endpoints may be on this machine. The tests run the worker themselves."""
    return await start(app_env="development", embedded_worker=False, queue_poll_seconds=POLL_SECONDS)


@pytest.fixture
async def member(service: FastAPI) -> AsyncClient:
    return await callers.member(service)


@asynccontextmanager
async def delivering(service: FastAPI) -> AsyncIterator[None]:
    """The deliveries of a worker, until the context ends. Calls in flight are finished first."""
    stop = asyncio.Event()
    task = asyncio.create_task(webhooks.deliver(service.state.settings, service.state.database, stop))
    try:
        yield
    finally:
        stop.set()
        await task


@pytest.fixture
def deliver(service: FastAPI) -> Deliver:
    """Handle the waiting events, then deliver what is due."""

    async def once() -> None:
        while await work(Queue(service.state.settings, service.state.database), HANDLERS):
            pass
        async with delivering(service):
            await asyncio.sleep(4 * POLL_SECONDS)

    return once


async def subscribe(client: AsyncClient, receiver: Receiver, *event_types: str) -> dict[str, Any]:
    """Create an endpoint. Returns it, with its secret."""
    body = {"url": receiver.url(), "event_types": event_types or ["*"]}
    answer = await client.post(ENDPOINTS, json=body)
    assert answer.status_code == 201, answer.text
    created: dict[str, Any] = answer.json()
    return created


async def deliveries(client: AsyncClient, endpoint: dict[str, Any]) -> list[dict[str, Any]]:
    """The deliveries to an endpoint, newest first."""
    listed: list[dict[str, Any]] = (await client.get(f"{ENDPOINTS}/{endpoint['id']}/deliveries")).json()["data"]
    return listed


async def receives(receiver: Receiver, count: int) -> None:
    """Wait until the receiver has got so many requests."""

    async def has_them() -> bool:
        return len(receiver.requests) >= count

    await eventually(has_them)
