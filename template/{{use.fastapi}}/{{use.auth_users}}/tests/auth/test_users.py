"""Users manage their own account, and admins manage all accounts."""

import asyncio
from typing import Any
from unittest.mock import AsyncMock

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response

from app.auth import passwords
from app.clock import new_id
from app.database import Session
from tests import callers, stored
from tests.callers import ADA, post

USERS = "/api/v1/users"


@pytest.fixture
async def ada(anybody: AsyncClient) -> dict[str, Any]:
    """The account of a user who has registered and logged in as `anybody`."""
    anybody.headers["Authorization"] = f"Bearer {(await callers.ada(anybody))['access_token']}"
    user: dict[str, Any] = (await anybody.get(f"{USERS}/me")).json()
    return user


async def assign(admin: AsyncClient, user: dict[str, Any], roles: list[str], if_match: str | None = "*") -> Response:
    headers = {"If-Match": if_match} if if_match else {}
    return await admin.put(f"{USERS}/{user['id']}/roles", json={"roles": roles}, headers=headers)


async def disable(admin: AsyncClient, user: dict[str, Any], *, disabled: bool = True) -> Response:
    path = f"{USERS}/{user['id']}"
    return await admin.patch(path, json={"disabled": disabled}, headers={"If-Match": "*"})


async def test_allowed_methods_are_those_of_the_first_matching_path(admin: AsyncClient) -> None:
    answer = await admin.post(f"{USERS}/me")

    assert (answer.status_code, answer.headers["Allow"]) == (405, "DELETE, GET, HEAD")


async def test_an_address_under_the_domain_for_tests_is_accepted(anybody: AsyncClient) -> None:
    answer = await post(anybody, "register", email="ada@shop.test", password=ADA["password"])

    assert answer.status_code == 201


async def test_another_violated_constraint_is_no_conflict(
    anybody: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "hash_password", AsyncMock(return_value=None))

    answer = await post(anybody, "register", **ADA)

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")


async def test_an_export_holds_the_account_without_secrets(anybody: AsyncClient, ada: dict[str, Any]) -> None:
    answer = await anybody.get(f"{USERS}/me/export")

    assert answer.json()["user"] == ada
    assert not [word for word in ("password", "hash", "argon2", "token", "session") if word in answer.text]


async def test_a_user_is_read_with_its_roles_by_one_statement(admin: AsyncClient) -> None:
    user_id = (await admin.get(f"{USERS}/me")).json()["id"]

    with stored.reads("users", "grants") as executed:
        assert (await admin.get(f"{USERS}/{user_id}")).json()["roles"] == ["admin"]

    assert len(executed) == 1


async def test_new_roles_apply_at_once(
    anybody: AsyncClient, admin: AsyncClient, ada: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Session.commit

    async def commit_late(session: Session) -> None:
        # This request caches the token with the old roles again, just before the commit.
        await anybody.get(f"{USERS}/me")
        await commit(session)

    monkeypatch.setattr(Session, "commit", commit_late)
    for version, roles, status in ((1, ["admin", "member"], 200), (2, [], 403)):
        answer = await assign(admin, ada, roles, f'"{version}"')
        assert (answer.headers["ETag"], answer.json()["roles"]) == (f'"{version + 1}"', roles)
        assert (await anybody.get(USERS)).status_code == status
    assert (await anybody.get(f"{USERS}/me")).status_code == 200, "without any role"


@pytest.mark.parametrize(("if_match", "code"), [(None, "precondition_required"), ('"7"', "precondition_failed")])
async def test_roles_are_assigned_only_to_the_current_version(
    admin: AsyncClient, ada: dict[str, Any], if_match: str | None, code: str
) -> None:
    assert (await assign(admin, ada, ["admin"], if_match)).json()["code"] == code
    assert (await admin.get(f"{USERS}/{ada['id']}")).json() == ada


async def test_roles_of_an_unknown_user_cannot_be_assigned(admin: AsyncClient) -> None:
    assert (await assign(admin, {"id": new_id()}, ["admin"])).json()["code"] == "not_found"


async def test_the_last_admin_cannot_be_demoted_disabled_or_erased(admin: AsyncClient) -> None:
    me = (await admin.get(f"{USERS}/me")).json()

    for answer in (await assign(admin, me, ["member"]), await disable(admin, me), await admin.delete(f"{USERS}/me")):
        assert (answer.status_code, answer.json()["code"]) == (409, "invalid_state")
    assert (await admin.get(f"{USERS}/me")).json()["roles"] == ["admin"]


async def test_of_two_admins_who_demote_each_other_one_remains(service: FastAPI, admin: AsyncClient) -> None:
    other = await callers.admin(service)
    users = [(await client.get(f"{USERS}/me")).json() for client in (admin, other)]

    answers = await asyncio.gather(assign(admin, users[1], []), assign(other, users[0], []))

    assert sorted(answer.status_code for answer in answers) in ([200, 403], [200, 409])


async def test_a_disabled_user_is_logged_out_and_cannot_log_in(
    anybody: AsyncClient, admin: AsyncClient, ada: dict[str, Any]
) -> None:
    answer = await disable(admin, ada)

    assert (answer.status_code, answer.json()["disabled"]) == (200, True)
    assert (await anybody.get(f"{USERS}/me")).status_code == 401
    assert (await post(anybody, "login", **ADA)).json()["code"] == "invalid_credentials"


async def test_a_user_who_is_enabled_again_can_log_in(
    anybody: AsyncClient, admin: AsyncClient, ada: dict[str, Any]
) -> None:
    await disable(admin, ada)
    await disable(admin, ada, disabled=False)

    assert (await post(anybody, "login", **ADA)).status_code == 200


async def test_a_new_password_replaces_the_old_one_and_ends_all_sessions(
    anybody: AsyncClient, ada: dict[str, Any]
) -> None:
    change = {"current_password": ADA["password"], "new_password": "battery horse correct"}

    assert (await anybody.put(f"{USERS}/me/password", json=change)).status_code == 204

    assert (await anybody.get(f"{USERS}/me")).status_code == 401
    assert (await post(anybody, "login", **ADA)).status_code == 401
    assert (await post(anybody, "login", **ADA | {"password": change["new_password"]})).status_code == 200


async def test_a_change_of_password_needs_the_current_password(anybody: AsyncClient, ada: dict[str, Any]) -> None:
    change = {"current_password": "a wrong password", "new_password": "battery horse correct"}

    answer = await anybody.put(f"{USERS}/me/password", json=change)

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
    assert (await post(anybody, "login", **ADA)).status_code == 200


async def test_an_erased_user_can_neither_use_its_tokens_nor_log_in(anybody: AsyncClient, ada: dict[str, Any]) -> None:
    assert (await anybody.delete(f"{USERS}/me")).status_code == 204

    assert (await anybody.get(f"{USERS}/me")).status_code == 401
    assert (await post(anybody, "login", **ADA)).status_code == 401
