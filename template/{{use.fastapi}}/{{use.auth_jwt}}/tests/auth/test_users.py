"""One's own account, and the accounts that admins manage."""

import asyncio
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import func, select

from app.auth.models import Grant, LoginSession, RefreshToken, User
from app.database import Database
from app.ids import new_id
from tests.auth.accounts import EMAIL, log_in, open_session, refresh


@pytest.fixture
async def ada(anybody: AsyncClient) -> dict[str, Any]:
    """A member whose caller is `anybody`, with a session that was refreshed once."""
    tokens = await open_session(anybody)
    await refresh(anybody, tokens["refresh_token"])
    anybody.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    user: dict[str, Any] = (await anybody.get("/api/v1/users/me")).json()
    return user


async def test_an_account_has_a_version(member: AsyncClient) -> None:
    answer = await member.get("/api/v1/users/me")
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"1"')
    again = await member.get("/api/v1/users/me", headers={"If-None-Match": '"1"'})
    assert (again.status_code, again.content) == (304, b"")


async def test_the_export_tells_nothing_secret(anybody: AsyncClient, ada: dict[str, Any]) -> None:
    answer = await anybody.get("/api/v1/users/me/export")
    assert answer.json()["user"] == ada
    assert not [word for word in ("password", "hash", "argon2", "token", "session") if word in answer.text]


async def test_erasure_leaves_nothing_of_a_user(
    anybody: AsyncClient, member: AsyncClient, ada: dict[str, Any], database: Database
) -> None:
    assert (await anybody.delete("/api/v1/users/me")).status_code == 204
    assert (await anybody.get("/api/v1/users/me")).status_code == 401
    assert (await log_in(anybody)).status_code == 401
    async with database.reading() as session:
        left = [await session.scalar(select(func.count()).select_from(m)) for m in (User, Grant, LoginSession)]
        tokens = await session.scalar(select(func.count()).select_from(RefreshToken))
    assert (left, tokens) == ([1, 1, 1], 0), "only the other member is left"


async def test_erasure_is_remembered_without_the_email(
    anybody: AsyncClient, admin: AsyncClient, ada: dict[str, Any]
) -> None:
    await anybody.delete("/api/v1/users/me")
    answer = await admin.get("/api/v1/audit-log")
    (entry,) = answer.json()["data"]
    assert (entry["action"], entry["subject"], entry["actor_id"]) == ("user.erased", ada["id"], ada["id"])
    assert EMAIL not in answer.text


async def test_simultaneous_erasures_are_one(member: AsyncClient) -> None:
    answers = await asyncio.gather(*(member.delete("/api/v1/users/me") for _ in range(5)))
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(204) == 1
    assert {status for status in statuses if status != 204} <= {401, 404, 412}


async def test_admins_page_through_users_newest_first(admin: AsyncClient, member: AsyncClient) -> None:
    first = await admin.get("/api/v1/users", params={"limit": 1})
    second = await admin.get(first.links["next"]["url"])
    me, it = [(await client.get("/api/v1/users/me")).json() for client in (admin, member)]
    assert sorted(first.json()["data"] + second.json()["data"], key=_id) == sorted([me, it], key=_id)
    assert first.json()["data"][0]["created_at"] > second.json()["data"][0]["created_at"]
    assert second.json()["meta"]["next_cursor"] is None


async def test_new_roles_count_at_once(anybody: AsyncClient, admin: AsyncClient, ada: dict[str, Any]) -> None:
    assert (await anybody.get("/api/v1/users")).status_code == 403
    answer = await _assign(admin, ada, ["member", "admin"], '"1"')
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')
    assert answer.json()["roles"] == ["admin", "member"]
    assert (await anybody.get("/api/v1/users")).status_code == 200
    await _assign(admin, ada, [], '"2"')
    assert (await anybody.get("/api/v1/users")).status_code == 403


@pytest.mark.parametrize(("if_match", "code"), [(None, "precondition_required"), ('"7"', "precondition_failed")])
async def test_roles_are_assigned_to_a_version_that_was_seen(
    admin: AsyncClient, ada: dict[str, Any], if_match: str | None, code: str
) -> None:
    answer = await _assign(admin, ada, ["admin"], if_match)
    assert answer.json()["code"] == code
    assert (await admin.get(f"/api/v1/users/{ada['id']}")).json() == ada
    unknown = await _assign(admin, ada | {"id": new_id()}, ["admin"], if_match)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")


async def test_of_simultaneous_assignments_one_succeeds(admin: AsyncClient, ada: dict[str, Any]) -> None:
    answers = await asyncio.gather(*(_assign(admin, ada, roles, '"1"') for roles in (["admin"], [])))
    assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_the_audit_log_says_who_did_what_when_from_where(
    admin: AsyncClient, ada: dict[str, Any], service: FastAPI
) -> None:
    admin.headers["X-Request-ID"] = "the-cause"
    await _assign(admin, ada, ["admin"], '"1"')
    (entry,) = (await admin.get("/api/v1/audit-log")).json()["data"]
    assert entry.pop("id") < str(new_id())
    assert entry.pop("created_at") > ada["created_at"]
    assert entry == {
        "actor_id": (await admin.get("/api/v1/users/me")).json()["id"],
        "action": "user.roles_assigned",
        "subject": ada["id"],
        "address": "127.0.0.1",
        "request_id": "the-cause",
        "before": {"roles": ["member"]},
        "after": {"roles": ["admin"]},
    }


async def test_a_change_that_fails_leaves_no_audit_entry(admin: AsyncClient, ada: dict[str, Any]) -> None:
    await _assign(admin, ada, ["admin"], '"7"')
    assert (await admin.get("/api/v1/audit-log")).json()["data"] == []


async def _assign(client: AsyncClient, user: dict[str, Any], roles: list[str], if_match: str | None) -> Response:
    headers = {"If-Match": if_match} if if_match else {}
    return await client.put(f"/api/v1/users/{user['id']}/roles", json={"roles": roles}, headers=headers)


def _id(user: dict[str, Any]) -> str:
    return str(user["id"])
