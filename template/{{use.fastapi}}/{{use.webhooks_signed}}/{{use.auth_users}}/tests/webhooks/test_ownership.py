"""Members see their own endpoints, and admins see all. Changes are in the audit log."""

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from tests import callers
from tests.receivers import Answer, Receiver
from tests.webhooks.conftest import ENDPOINTS, Deliver, subscribe

ANY_VERSION = {"If-Match": "*"}


@pytest.mark.parametrize(
    ("method", "suffix"),
    [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/secrets"), ("POST", "/pings"), ("GET", "/deliveries")],
)
async def test_the_endpoint_of_another_owner_is_not_found(
    service: FastAPI, member: AsyncClient, receiver: Receiver, method: str, suffix: str
) -> None:
    endpoint = await subscribe(member, receiver)
    stranger = await callers.member(service)

    answer = await stranger.request(method, f"{ENDPOINTS}/{endpoint['id']}{suffix}", json={}, headers=ANY_VERSION)

    assert answer.status_code == 404
    assert (await stranger.get(ENDPOINTS)).json()["data"] == []


async def test_an_admin_sees_the_endpoints_of_others(service: FastAPI, member: AsyncClient, receiver: Receiver) -> None:
    endpoint = await subscribe(member, receiver)
    admin = await callers.admin(service)

    assert [each["id"] for each in (await admin.get(ENDPOINTS)).json()["data"]] == [endpoint["id"]]


async def test_the_audit_log_shows_why_an_endpoint_was_disabled(
    service: FastAPI, member: AsyncClient, receiver: Receiver, deliver: Deliver
) -> None:
    receiver.answers = [Answer(410)]
    endpoint = await subscribe(member, receiver)
    await member.post(f"{ENDPOINTS}/{endpoint['id']}/pings")
    await deliver()

    log = (await (await callers.admin(service)).get("/api/v1/audit-log")).json()["data"]

    disabled, created = (entry for entry in log if entry["subject"] == endpoint["id"])
    assert (disabled["action"], disabled["after"]) == ("webhook_endpoint.disabled", {"reason": "HTTP status 410"})
    assert (created["action"], created["after"]["url"]) == ("webhook_endpoint.created", receiver.url())


async def test_erasing_a_user_leaves_no_endpoint_behind(
    service: FastAPI, member: AsyncClient, receiver: Receiver
) -> None:
    endpoint = await subscribe(member, receiver)

    assert (await member.delete("/api/v1/users/me")).status_code == 204

    admin = await callers.admin(service)
    assert (await admin.get(f"{ENDPOINTS}/{endpoint['id']}")).status_code == 404
    log = (await admin.get("/api/v1/audit-log")).text
    assert receiver.url() not in log
