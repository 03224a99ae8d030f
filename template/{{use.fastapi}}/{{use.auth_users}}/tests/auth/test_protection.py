"""Which routes need a principal and a permission."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from httpx2 import AsyncClient

from app.auth.dependencies import CurrentPrincipal, current_principal
from app.clock import new_id
from tests import callers, webhook_settings
from tests.conftest import Start

PUBLIC = {
    "/api/v1/auth/register",
    "/api/v1/auth/login",
    "/api/v1/auth/refresh",
    "/api/v1/auth/logout",
    "/.well-known/jwks.json",
    "/problems/{code}",
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/docs/assets",
    *webhook_settings.PUBLIC_PATHS,
}


def routes(service: FastAPI) -> Iterator[tuple[str, Any]]:
    for context in iter_route_contexts(service.routes):
        yield context.path or "", context.original_route


def is_protected(dependant: Dependant) -> bool:
    return dependant.call is current_principal or any(map(is_protected, dependant.dependencies))


async def test_only_the_listed_routes_are_public(service: FastAPI) -> None:
    public = {
        path for path, route in routes(service) if not isinstance(route, APIRoute) or not is_protected(route.dependant)
    }

    assert public == PUBLIC


async def test_a_route_that_needs_a_principal_refuses_anonymous_requests(
    service: FastAPI, anybody: AsyncClient
) -> None:
    for path, route in routes(service):
        if path in PUBLIC:
            continue
        concrete = path.format_map(dict.fromkeys(route.param_convertors, new_id()))
        for method in route.methods:
            answer = await anybody.request(method, concrete, json={})
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), f"{method} {path}"


@pytest.mark.parametrize(
    "request_line",
    ["GET users", "GET users/{id}", "PATCH users/{id}", "PUT users/{id}/roles", "GET audit-log"],
)
async def test_a_member_may_not_use_the_routes_of_admins(member: AsyncClient, request_line: str) -> None:
    method, path = request_line.format(id=new_id()).split()

    answer = await member.request(method, f"/api/v1/{path}", json={})

    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


async def test_a_route_outside_of_the_api_refuses_anonymous_requests(start: Start) -> None:
    router = APIRouter()

    @router.get("/reports")
    async def reports(principal: CurrentPrincipal) -> None:
        raise AssertionError("reached")

    answer = await callers.anybody(await start(router)).get("/reports")

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
