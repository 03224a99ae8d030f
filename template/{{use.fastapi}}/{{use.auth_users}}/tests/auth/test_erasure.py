"""Erasing a user removes its personal data from all tables."""

import hashlib
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient

from app.database import Database
from tests import callers
from tests.callers import ADA, post
from tests.conftest import Start
from tests.orders.factories import ORDERS, new_order, place
from tests.stored import tables_with

ADDRESS = "203.0.113.7"
NOTE = "Ring at the house of Ada"
REFERENCE = "ADA-1815"


async def amend_as_admin(service: FastAPI, order: str) -> None:
    """Change the note and the reference of an order, and change them back."""
    admin = await callers.admin(service)
    for changes in ({"note": None, "reference": "none"}, {"note": NOTE, "reference": REFERENCE}):
        await admin.patch(order, json=changes, headers={"If-Match": "*"})


@pytest.fixture
async def ada(start: Start) -> tuple[AsyncClient, Database]:
    """A user who has used all features that store personal data. The client has its own address."""
    service = await start()
    transport = ASGITransport(service, client=(ADDRESS, 1))
    client = AsyncClient(transport=transport, base_url="http://service.test")
    await post(client, "register", **ADA)
    await post(client, "login", **ADA | {"password": "a wrong password"})
    tokens = (await post(client, "login", **ADA)).json()
    client.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    await post(client, "login", **ADA | {"password": "a wrong password"})
    body: dict[str, Any] = new_order(note=NOTE, reference=REFERENCE)
    order = await client.post(ORDERS, json=body, headers={"Idempotency-Key": "mine"})
    await amend_as_admin(service, order.headers["Location"])
    return client, service.state.database


async def test_erasure_leaves_no_personal_data_in_any_table(ada: tuple[AsyncClient, Database]) -> None:
    client, database = ada
    email_hash = repr(hashlib.sha256(ADA["email"].encode()).digest())
    personal = (ADA["email"], email_hash, ADDRESS, NOTE, REFERENCE)
    found = await tables_with(database, *personal)
    assert found >= {"users", "login_failures", "orders", "idempotency_keys", "audit_log"}

    assert (await client.delete("/api/v1/users/me")).status_code == 204

    assert await tables_with(database, *personal) == set()


async def test_after_erasure_only_the_audit_log_holds_the_id_of_the_user(ada: tuple[AsyncClient, Database]) -> None:
    client, database = ada
    user_id = (await client.get("/api/v1/users/me")).json()["id"]

    await client.delete("/api/v1/users/me")

    assert await tables_with(database, user_id, user_id.replace("-", "")) == {"audit_log"}


async def test_erasure_reaches_the_audit_log_of_deleted_orders(start: Start) -> None:
    service = await start()
    member, admin = await callers.member(service), await callers.admin(service)
    order = (await place(member, note=NOTE)).headers["Location"]
    await admin.patch(order, json={"note": None}, headers={"If-Match": "*"})
    await admin.delete(order)
    assert await tables_with(service.state.database, NOTE) == {"audit_log"}

    await member.delete("/api/v1/users/me")

    assert await tables_with(service.state.database, NOTE) == set()


async def test_erasure_leaves_the_data_of_others(start: Start) -> None:
    service = await start()
    member, other = await callers.member(service), await callers.member(service)
    theirs = (await place(other)).json()

    await member.delete("/api/v1/users/me")

    assert (await other.get(ORDERS)).json()["data"] == [theirs]
