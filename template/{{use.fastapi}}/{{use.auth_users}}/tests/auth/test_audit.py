"""The audit log: who changed what, when, and from where."""

import asyncio
from typing import Any

import pytest
from click.testing import CliRunner
from httpx2 import AsyncClient

from app import cli
from app.auth.audit.models import AuditEntry
from app.database import Database
from tests import stored
from tests.callers import ADA, post

USERS = "/api/v1/users"


async def entries(admin: AsyncClient) -> list[dict[str, Any]]:
    """The entries of the audit log, newest first."""
    data: list[dict[str, Any]] = (await admin.get("/api/v1/audit-log")).json()["data"]
    return data


async def test_an_entry_has_actor_action_subject_address_request_id_and_change(
    anybody: AsyncClient, admin: AsyncClient
) -> None:
    ada = (await post(anybody, "register", **ADA)).json()
    headers = {"If-Match": "*"}
    answer = await admin.put(f"{USERS}/{ada['id']}/roles", json={"roles": ["admin"]}, headers=headers)

    entry = (await entries(admin))[0]

    assert entry["actor_id"] == (await admin.get(f"{USERS}/me")).json()["id"]
    assert (entry["action"], entry["subject"]) == ("user.roles_assigned", ada["id"])
    assert entry["address"] == "127.0.0.1"
    assert entry["created_at"] > ada["created_at"]
    assert entry["request_id"] == answer.headers["X-Request-ID"]
    assert (entry["before"], entry["after"]) == ({"roles": ["member"]}, {"roles": ["admin"]})


async def test_a_change_that_fails_leaves_no_entry(anybody: AsyncClient, admin: AsyncClient) -> None:
    ada = (await post(anybody, "register", **ADA)).json()
    before = await entries(admin)

    headers = {"If-Match": '"7"'}
    await admin.put(f"{USERS}/{ada['id']}/roles", json={"roles": ["admin"]}, headers=headers)

    assert await entries(admin) == before


async def test_registrations_and_logins_are_recorded(anybody: AsyncClient, admin: AsyncClient) -> None:
    ada = (await post(anybody, "register", **ADA)).json()
    await post(anybody, "login", **ADA | {"password": "a wrong password"})
    await post(anybody, "login", **ADA)

    recorded = [(entry["action"], entry["subject"], entry["actor_id"]) for entry in await entries(admin)]

    assert recorded == [("user.logged_in", ada["id"], ada["id"]), ("user.created", ada["id"], ada["id"])]


async def test_disabling_and_password_changes_are_recorded(anybody: AsyncClient, admin: AsyncClient) -> None:
    ada = (await post(anybody, "register", **ADA)).json()
    tokens = (await post(anybody, "login", **ADA)).json()
    anybody.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    change = {"current_password": ADA["password"], "new_password": "battery horse correct"}
    await anybody.put(f"{USERS}/me/password", json=change)
    await admin.patch(f"{USERS}/{ada['id']}", json={"disabled": True}, headers={"If-Match": "*"})

    disabled, changed = (await entries(admin))[:2]

    assert (disabled["action"], disabled["after"]) == ("user.disabled_changed", {"disabled": True})
    assert (changed["action"], changed["actor_id"], changed["after"]) == ("user.password_changed", ada["id"], None)


@pytest.mark.usefixtures("environment")
async def test_an_admin_that_a_command_creates_is_recorded(database: Database) -> None:
    environment = {"ADMIN_PASSWORD": ADA["password"]}
    command = ["create-admin", "--email", ADA["email"]]

    await asyncio.to_thread(CliRunner().invoke, cli.main, command, env=environment)

    async with database.reading() as session:
        [entry] = await stored.all_of(session, AuditEntry)
    assert (entry.action, entry.actor_id, entry.after) == ("user.created", None, {"roles": ["admin"]})
