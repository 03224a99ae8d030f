"""Which permission each route asks for, and who has it."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from httpx2 import AsyncClient
from starlette.routing import BaseRoute, Route

from app.auth.permissions import PERMISSIONS, Permission, Role
from app.auth.principal import Require
from app.ids import new_id
from tests import callers

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
}


async def test_every_route_needs_a_permission_or_is_known_to_be_public(service: FastAPI) -> None:
    assert set(_open_paths(service)) == PUBLIC


async def test_a_route_that_forgets_its_permission_is_found(service: FastAPI) -> None:
    service.add_api_route("/api/v1/secrets", lambda: "secret")
    assert set(_open_paths(service)) - PUBLIC == {"/api/v1/secrets"}


async def test_every_guarded_route_refuses_anybody(service: FastAPI, anybody: AsyncClient) -> None:
    guarded = [route for route in service.routes if isinstance(route, APIRoute) and _is_guarded(route.dependant)]
    assert guarded
    for route in guarded:
        for method in route.methods or ():
            path = route.path_format.format_map(dict.fromkeys(route.param_convertors, new_id()))
            answer = await anybody.request(method, path, json={})
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), f"{method} {path}"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/v1/users"),
        ("GET", f"/api/v1/users/{new_id()}"),
        ("PUT", f"/api/v1/users/{new_id()}/roles"),
        ("GET", "/api/v1/audit-log"),
    ],
)
async def test_a_member_does_nothing_that_is_for_admins(member: AsyncClient, method: str, path: str) -> None:
    answer = await member.request(method, path, json={"roles": ["admin"]})
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


async def test_whoever_has_no_role_sees_only_their_account(service: FastAPI) -> None:
    nobody = await callers.logged_in(service)
    assert (await nobody.get("/api/v1/users/me")).status_code == 200
    assert (await nobody.get("/api/v1/users")).status_code == 403


def test_admins_may_do_everything_and_members_manage_nobody() -> None:
    assert PERMISSIONS[Role.ADMIN] == frozenset(Permission)
    assert not PERMISSIONS[Role.MEMBER] & {Permission.USERS_READ, Permission.USERS_MANAGE}


def _open_paths(service: FastAPI) -> Iterator[str]:
    for route in service.routes:
        if not _is_closed(route):
            assert isinstance(route, Route), "what else is mounted here must be looked at, too"
            yield route.path


def _is_closed(route: BaseRoute) -> bool:
    return isinstance(route, APIRoute) and _is_guarded(route.dependant)


def _is_guarded(dependant: Dependant) -> bool:
    return isinstance(dependant.call, Require) or any(map(_is_guarded, dependant.dependencies))
