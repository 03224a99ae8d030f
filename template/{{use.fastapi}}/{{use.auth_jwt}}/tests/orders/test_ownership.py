"""Whose orders they are. They are personal data: their owner gets them all, and takes them along."""

from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import select

from app.database import Base, Database
from tests import callers
from tests.orders.factories import ORDERS, new_order, place


async def test_somebody_elses_order_does_not_exist_but_for_admins(
    service: FastAPI, member: AsyncClient, admin: AsyncClient
) -> None:
    path, stranger = (await place(member)).headers["Location"], await callers.member(service)
    for method, resource in (("GET", path), ("PATCH", path), ("POST", f"{path}/cancellation")):
        assert (await stranger.request(method, resource, json={})).status_code == 404
    assert (await stranger.get(ORDERS)).json()["data"] == []
    assert (await member.delete(path)).json()["code"] == "permission_denied"
    assert (await admin.get(ORDERS)).json()["data"] == [(await member.get(path)).json()]
    assert (await admin.delete(path)).status_code == 204


async def test_references_and_keys_of_two_owners_do_not_meet(service: FastAPI, member: AsyncClient) -> None:
    body, key, stranger = new_order(), {"Idempotency-Key": "k"}, await callers.member(service)
    mine, theirs = [await client.post(ORDERS, json=body, headers=key) for client in (member, stranger)]
    assert mine.status_code == theirs.status_code == 201
    assert mine.json()["id"] != theirs.json()["id"]


async def test_an_owner_takes_its_orders_along_and_leaves_no_trace(
    member: AsyncClient, admin: AsyncClient, database: Database
) -> None:
    async def tables_with_the_note() -> set[str]:
        async with database.reading() as session:
            rows = {table: (await session.execute(select(table))).all() for table in Base.metadata.sorted_tables}
        return {table.name for table, found in rows.items() if "house of Ada" in str(found)}

    body, theirs = new_order(note="Ring at the house of Ada"), (await place(admin)).json()
    mine = (await member.post(ORDERS, json=body, headers={"Idempotency-Key": "mine"})).json()
    data = (await member.get("/api/v1/users/me/export")).json()["data"]
    assert [order["id"] for order in data["orders"]] == [mine["id"]]
    assert [line["order_id"] for line in data["order_lines"]] == [mine["id"]]
    assert await tables_with_the_note() >= {"orders"}
    assert (await member.delete("/api/v1/users/me")).status_code == 204
    assert await tables_with_the_note() == set()
    assert (await admin.get(ORDERS)).json()["data"] == [theirs]
