"""Whose orders they are."""

from fastapi import FastAPI
from httpx2 import AsyncClient

from tests import callers
from tests.orders.factories import ORDERS, new_order, place


async def test_somebody_elses_order_does_not_exist(service: FastAPI, member: AsyncClient) -> None:
    path = (await place(member)).headers["Location"]
    stranger = await callers.member(service)
    answers = [
        await stranger.get(path),
        await stranger.patch(path, json={"note": "mine"}, headers={"If-Match": "*"}),
        await stranger.post(f"{path}/cancellation"),
    ]
    assert [answer.status_code for answer in answers] == [404] * 3
    assert (await stranger.get(ORDERS)).json()["data"] == []
    assert (await member.get(path)).json()["note"] == "Ring twice"


async def test_an_admin_sees_and_changes_every_order(member: AsyncClient, admin: AsyncClient) -> None:
    placed = await place(member)
    assert (await admin.get(ORDERS)).json()["data"] == [placed.json()]
    assert (await admin.post(f"{placed.headers['Location']}/cancellation")).status_code == 200


async def test_a_member_deletes_no_orders(member: AsyncClient) -> None:
    answer = await member.delete((await place(member)).headers["Location"])
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")


async def test_references_and_keys_of_two_owners_do_not_meet(service: FastAPI, member: AsyncClient) -> None:
    body, key = new_order(), {"Idempotency-Key": "k"}
    stranger = await callers.member(service)
    mine, theirs = [await client.post(ORDERS, json=body, headers=key) for client in (member, stranger)]
    assert mine.status_code == theirs.status_code == 201
    assert mine.json()["id"] != theirs.json()["id"]


async def test_nobody_sees_no_orders(anybody: AsyncClient) -> None:
    for answer in (await anybody.get(ORDERS), await anybody.post(ORDERS, json=new_order())):
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
