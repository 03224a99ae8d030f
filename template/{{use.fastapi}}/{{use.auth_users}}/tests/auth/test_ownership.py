"""Members see their own orders, and admins see all orders. Orders are personal data of their owner."""

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from tests import callers
from tests.orders.factories import ORDERS, new_order, place

ANY_VERSION = {"If-Match": "*"}


@pytest.mark.parametrize(("method", "suffix"), [("GET", ""), ("PATCH", ""), ("POST", "/cancellation")])
async def test_the_order_of_another_owner_is_not_found(
    service: FastAPI, member: AsyncClient, method: str, suffix: str
) -> None:
    path = (await place(member)).headers["Location"]
    stranger = await callers.member(service)

    answer = await stranger.request(method, f"{path}{suffix}", json={}, headers=ANY_VERSION)

    assert answer.status_code == 404


async def test_a_member_lists_no_orders_of_others(service: FastAPI, member: AsyncClient) -> None:
    await place(member)

    assert (await (await callers.member(service)).get(ORDERS)).json()["data"] == []


async def test_a_member_may_not_delete_orders(member: AsyncClient) -> None:
    path = (await place(member)).headers["Location"]

    assert (await member.delete(path)).json()["code"] == "permission_denied"


async def test_an_admin_sees_and_deletes_the_orders_of_others(member: AsyncClient, admin: AsyncClient) -> None:
    path = (await place(member)).headers["Location"]

    assert (await admin.get(ORDERS)).json()["data"] == [(await member.get(path)).json()]
    assert (await admin.delete(path)).status_code == 204


async def test_references_and_keys_of_two_owners_are_independent(service: FastAPI, member: AsyncClient) -> None:
    body, key = new_order(), {"Idempotency-Key": "k"}
    stranger = await callers.member(service)

    mine, theirs = [await client.post(ORDERS, json=body, headers=key) for client in (member, stranger)]

    assert mine.status_code == theirs.status_code == 201
    assert mine.json()["id"] != theirs.json()["id"]


async def test_the_audit_log_shows_what_an_admin_did_to_the_order_of_another(
    member: AsyncClient, admin: AsyncClient
) -> None:
    order = (await place(member)).json()
    path = f"{ORDERS}/{order['id']}"

    await admin.patch(path, json={"note": "Checked"}, headers=ANY_VERSION)
    await admin.post(f"{path}/cancellation")
    await admin.delete(path)

    entries = (await admin.get("/api/v1/audit-log")).json()["data"]
    assert [entry["action"] for entry in entries] == ["order.deleted", "order.cancelled", "order.amended"]
    assert {entry["subject"] for entry in entries} == {order["id"]}
    assert (entries[1]["before"], entries[1]["after"]) == ({"status": "placed"}, {"status": "cancelled"})


async def test_the_audit_log_does_not_show_what_owners_do(member: AsyncClient, admin: AsyncClient) -> None:
    path = (await place(member)).headers["Location"]

    await member.post(f"{path}/cancellation")

    assert (await admin.get("/api/v1/audit-log")).json()["data"] == []


async def test_an_export_holds_the_orders_of_the_user(member: AsyncClient, admin: AsyncClient) -> None:
    await place(admin)
    mine = (await place(member)).json()

    data = (await member.get("/api/v1/users/me/export")).json()["data"]

    assert data["orders"] == [mine]
