"""Accounts: what their owners, other members, admins and nobody may do."""

import asyncio
from typing import Any, cast

import pytest
from click.testing import CliRunner
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from httpx2 import AsyncClient, Response
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.routing import Route

from app import cli
from app.auth.dependencies import Require
from app.auth.models import Grant, LoginSession, RefreshToken, User
from app.clock import new_id
from app.database import Database
from tests import callers
from tests.callers import ADA, post

PUBLIC = {
    *(f"/api/v1/auth/{route}" for route in ("register", "login", "refresh", "logout")),
    *("/.well-known/jwks.json", "/problems/{code}", "/livez", "/readyz", "/metrics", "/openapi.json", "/docs"),
}


@pytest.fixture
async def ada(anybody: AsyncClient) -> dict[str, Any]:
    anybody.headers["Authorization"] = f"Bearer {(await callers.ada(anybody))['access_token']}"
    user: dict[str, Any] = (await anybody.get("/api/v1/users/me")).json()
    return user


async def test_every_route_asks_for_a_permission_or_is_known_to_be_public(
    service: FastAPI, anybody: AsyncClient
) -> None:
    guarded = [route for route in service.routes if isinstance(route, APIRoute) and _is_guarded(route.dependant)]
    assert {cast(Route, route).path for route in service.routes if route not in guarded} == PUBLIC
    for route in guarded:
        path = route.path_format.format_map(dict.fromkeys(route.param_convertors, new_id()))
        for method in route.methods or ():
            answer = await anybody.request(method, path, json={})
            assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated"), f"{method} {path}"


@pytest.mark.parametrize("request_line", ["GET users", "GET users/{id}", "PUT users/{id}/roles", "GET audit-log"])
async def test_a_member_does_nothing_that_is_for_admins(member: AsyncClient, request_line: str) -> None:
    method, path = request_line.format(id=new_id()).split()
    answer = await member.request(method, f"/api/v1/{path}", json={"roles": ["admin"]})
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


async def test_the_export_tells_nothing_secret(anybody: AsyncClient, ada: dict[str, Any]) -> None:
    answer = await anybody.get("/api/v1/users/me/export")
    assert answer.json()["user"] == ada
    assert not [word for word in ("password", "hash", "argon2", "token", "session") if word in answer.text]


async def test_erasure_leaves_nothing_of_a_user_but_that_it_happened(
    anybody: AsyncClient, admin: AsyncClient, ada: dict[str, Any], database: Database
) -> None:
    assert (await anybody.delete("/api/v1/users/me")).status_code == 204
    assert (await anybody.get("/api/v1/users/me")).status_code == 401
    assert (await post(anybody, "login", **ADA)).status_code == 401
    async with database.reading() as session:
        for model, admins in ((User, 1), (Grant, 1), (LoginSession, 1), (RefreshToken, 0)):
            assert await session.scalar(select(func.count()).select_from(model)) == admins
    log = await admin.get("/api/v1/audit-log")
    (entry,) = log.json()["data"]
    assert (entry["action"], entry["subject"], entry["actor_id"]) == ("user.erased", ada["id"], ada["id"])
    assert ADA["email"] not in log.text


async def test_new_roles_count_at_once(
    anybody: AsyncClient, admin: AsyncClient, ada: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = AsyncSession.commit

    async def commit_late(session: AsyncSession) -> None:
        await anybody.get("/api/v1/users/me")
        await commit(session)

    monkeypatch.setattr(AsyncSession, "commit", commit_late)
    for version, roles, status in ((1, ["admin", "member"], 200), (2, [], 403)):
        answer = await _assign(admin, ada, roles, f'"{version}"')
        assert (answer.headers["ETag"], answer.json()["roles"]) == (f'"{version + 1}"', roles)
        assert (await anybody.get("/api/v1/users")).status_code == status
    assert (await anybody.get("/api/v1/users/me")).status_code == 200, "without any role"


async def test_the_audit_log_says_who_did_what_when_from_where(admin: AsyncClient, ada: dict[str, Any]) -> None:
    answers = await asyncio.gather(*(_assign(admin, ada, ["admin"], '"1"') for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    (entry,) = (await admin.get("/api/v1/audit-log")).json()["data"]
    assert entry["actor_id"] == (await admin.get("/api/v1/users/me")).json()["id"]
    assert (entry["action"], entry["subject"]) == ("user.roles_assigned", ada["id"])
    assert (entry["address"], entry["created_at"] > ada["created_at"]) == ("127.0.0.1", True)
    assert entry["request_id"] in [answer.headers["X-Request-ID"] for answer in answers if answer.is_success]
    assert (entry["before"], entry["after"]) == ({"roles": ["member"]}, {"roles": ["admin"]})


@pytest.mark.parametrize(("if_match", "code"), [(None, "precondition_required"), ('"7"', "precondition_failed")])
async def test_roles_are_assigned_to_a_version_that_was_seen(
    admin: AsyncClient, ada: dict[str, Any], if_match: str | None, code: str
) -> None:
    assert (await _assign(admin, ada, ["admin"], if_match)).json()["code"] == code
    assert (await _assign(admin, {"id": new_id()}, ["admin"], if_match)).json()["code"] == "not_found"
    assert (await admin.get(f"/api/v1/users/{ada['id']}")).json() == ada
    assert (await admin.get("/api/v1/audit-log")).json()["data"] == []


@pytest.mark.usefixtures("environment")
def test_the_first_admin_is_made_once_by_a_command() -> None:
    assert _create_admin(ADA) == (0, "ada@example.com is an admin\n")
    assert _create_admin(ADA) == (1, "Error: The email is taken\n")
    assert _create_admin(ADA | {"password": "short"})[1].startswith("Error: password: ")


def _create_admin(account: dict[str, str]) -> tuple[int, str]:
    secret = {"ADMIN_PASSWORD": account["password"]}
    result = CliRunner().invoke(cli.main, ["create-admin", "--email", account["email"]], env=secret)
    return result.exit_code, result.output


async def _assign(client: AsyncClient, user: dict[str, Any], roles: list[str], if_match: str | None) -> Response:
    headers = {"If-Match": if_match} if if_match else {}
    return await client.put(f"/api/v1/users/{user['id']}/roles", json={"roles": roles}, headers=headers)


def _is_guarded(dependant: Dependant) -> bool:
    return isinstance(dependant.call, Require) or any(map(_is_guarded, dependant.dependencies))
