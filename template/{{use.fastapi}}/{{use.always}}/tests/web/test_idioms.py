"""Features in the documentation of FastAPI also work in this service."""

from fastapi import APIRouter, FastAPI
from httpx2 import AsyncClient

from app.auth.dependencies import current_principal
from app.permissions import Principal
from tests import callers
from tests.conftest import Start
from tests.web.conftest import tea


async def test_dependency_overrides_replace_a_dependency(service: FastAPI, anybody: AsyncClient) -> None:
    service.dependency_overrides[tea] = lambda: "black"

    assert (await anybody.get("/api/probe/tea")).json() == "black"


async def test_the_principal_can_be_overridden(service: FastAPI, anybody: AsyncClient) -> None:
    service.dependency_overrides[current_principal] = lambda: Principal("ada", frozenset())

    assert (await anybody.get("/reports")).json() == "ada"


async def test_a_router_can_be_included_in_another_one_with_a_prefix(start: Start) -> None:
    inner, outer = APIRouter(), APIRouter(prefix="/outer")

    @inner.get("/leaf")
    async def leaf() -> str:
        return "green"

    outer.include_router(inner, prefix="/inner")
    client = callers.anybody(await start(outer))

    assert (await client.get("/outer/inner/leaf")).json() == "green"
    assert (await client.post("/outer/inner/leaf")).headers["Allow"] == "GET, HEAD"


async def test_a_route_outside_of_the_api_gets_the_principal_and_a_rate_limit(member: AsyncClient) -> None:
    answer = await member.get("/reports")

    assert answer.status_code == 200
    assert "RateLimit-Limit" in answer.headers
