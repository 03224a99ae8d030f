"""The service with probes."""

import asyncio

import pytest
from fastapi import FastAPI

from tests.conftest import Start
from tests.web import probes


@pytest.fixture
async def service(start: Start) -> FastAPI:
    service = await start(probes.router)
    service.state.waits, service.state.may_answer = asyncio.Event(), asyncio.Event()
    service.state.created, service.state.taken = [], set()
    return service
