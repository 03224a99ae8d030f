"""Orders over HTTP and in the database."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response

from app.auth.dependencies import current_principal
from app.database import Database
from app.orders import service as orders
from app.orders.models import OrderLine
from app.orders.repository import Orders
from app.orders.status import OrderStatus
from app.permissions import SERVICE, Principal
from tests import stored
from tests.orders import plans
from tests.orders.factories import ORDERS, line, new_order, place


def refused(answer: Response, status: int, code: str) -> bool:
    return (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_principal_without_a_role_may_not_see_orders(service: FastAPI, member: AsyncClient) -> None:
    service.dependency_overrides[current_principal] = lambda: Principal("ada", frozenset())

    assert refused(await member.get(ORDERS), 403, "permission_denied")


async def test_an_order_is_placed_and_found(member: AsyncClient) -> None:
    body = new_order(lines=[line(), line(sku="POT", quantity=1, unit_price="0.1050")])
    placed = await member.post(ORDERS, json=body)
    order = placed.json()
    assert (placed.status_code, placed.headers["ETag"]) == (201, '"1"')
    assert placed.headers["Location"] == f"{ORDERS}/{order['id']}"
    assert UUID(order["id"]).version == 7
    assert order["created_at"].endswith("Z")
    assert [(item["sku"], item["unit_price"]) for item in order["lines"]] == [("TEA-500", "12.50"), ("POT", "0.105")]
    assert (order["status"], order["total"], order["note"]) == ("placed", "25.105", "Ring twice")
    found = await member.get(placed.headers["Location"])
    assert (found.json(), found.headers["ETag"]) == (order, '"1"')
    assert (await member.get(placed.headers["Location"], headers={"If-None-Match": '"1"'})).status_code == 304


@pytest.mark.parametrize(
    ("pointer", "changes"),
    [
        ("/reference", {"reference": "a\0"}),
        ("/lines", {"lines": [line()] * 101}),
        ("/lines/1/quantity", {"lines": [line(), line(quantity=0)]}),
        ("/lines/0/quantity", {"lines": [line(quantity="2")]}),
        ("/lines/0/quantity", {"lines": [line(quantity=True)]}),
        ("/lines/0/unit_price", {"lines": [line(unit_price="NaN")]}),
        ("/status", {"status": "confirmed"}),
    ],
)
async def test_an_invalid_order_is_refused(member: AsyncClient, pointer: str, changes: dict[str, Any]) -> None:
    answer = await member.post(ORDERS, json=new_order(**changes))

    assert refused(answer, 422, "validation_failed")
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_a_reference_can_be_used_once(member: AsyncClient) -> None:
    taken = {"reference": (await place(member)).json()["reference"]}
    other = (await place(member)).headers["Location"]

    assert refused(await member.post(ORDERS, json=new_order(**taken)), 409, "conflict")
    assert refused(await member.patch(other, json=taken, headers={"If-Match": "*"}), 409, "conflict")


async def test_another_violated_constraint_is_no_conflict(member: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(orders, "OrderLine", lambda **values: OrderLine(**values | {"quantity": 0}))

    assert refused(await member.post(ORDERS, json=new_order()), 500, "internal_error")


async def test_of_concurrent_changes_of_one_version_one_succeeds(member: AsyncClient) -> None:
    placed = await place(member)
    first_version = {"If-Match": '"1"'}
    path = placed.headers["Location"]

    changes = [member.patch(path, json={"note": None}, headers=first_version) for _ in range(5)]

    assert sorted(answer.status_code for answer in await asyncio.gather(*changes)) == [200, 412, 412, 412, 412]
    changed = (await member.get(path)).json()
    assert changed == placed.json() | {"note": None, "updated_at": changed["updated_at"]}


async def test_a_change_of_an_old_version_is_refused(admin: AsyncClient) -> None:
    path = (await place(admin)).headers["Location"]
    first_version = {"If-Match": '"1"'}
    await admin.patch(path, json={"note": None}, headers=first_version)

    assert refused(await admin.patch(path, json={"note": "x"}, headers=first_version), 412, "precondition_failed")
    assert refused(await admin.post(f"{path}/cancellation", headers=first_version), 412, "precondition_failed")
    assert refused(await admin.delete(path, headers=first_version), 412, "precondition_failed")


async def test_a_change_without_a_version_is_refused(member: AsyncClient) -> None:
    path = (await place(member)).headers["Location"]

    assert refused(await member.patch(path, json={"note": "x"}), 428, "precondition_required")


async def test_a_cancellation_waits_for_a_concurrent_change(member: AsyncClient, database: Database) -> None:
    path = (await place(member)).headers["Location"]
    async with database.transaction() as session:
        changed = Orders(session, SERVICE)
        order = await changed.get_for_update(UUID(path.rpartition("/")[2]))
        cancellation = asyncio.create_task(member.post(f"{path}/cancellation"))
        await asyncio.sleep(0.1)
        order.status = OrderStatus.CONFIRMED
        await changed.save(order)

    assert (await cancellation).json()["status"] == "cancelled"


async def test_a_cancelled_order_does_not_change(member: AsyncClient) -> None:
    path = (await place(member)).headers["Location"]

    cancelled = await member.post(f"{path}/cancellation")

    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert refused(await member.post(f"{path}/cancellation"), 409, "invalid_state")
    assert refused(await member.patch(path, json={"note": "x"}, headers={"If-Match": "*"}), 409, "invalid_state")


async def test_a_deleted_order_is_gone(admin: AsyncClient) -> None:
    path = (await place(admin)).headers["Location"]

    assert (await admin.delete(path)).status_code == 204
    assert refused(await admin.get(path), 404, "not_found")


async def test_pages_are_newest_first_and_complete_while_orders_are_placed(member: AsyncClient) -> None:
    placed = [(await place(member)).json() for _ in range(5)]
    walked, path = [], f"{ORDERS}?limit=2&status=placed"
    while path:
        page = await member.get(path)
        walked += page.json()["data"]
        path = page.links["next"]["url"] if "next" in page.links else ""
        assert bool(path) == bool(page.json()["meta"]["next_cursor"])
        await place(member)
    assert walked == placed[::-1]
    assert refused(await member.get(f"{ORDERS}?cursor=x"), 400, "invalid_cursor")


async def test_a_list_is_filtered(member: AsyncClient) -> None:
    first, second, third = [(await place(member)).json() for _ in range(3)]
    await member.post(f"{ORDERS}/{third['id']}/cancellation")
    for query, expected in (
        ({"status": "placed"}, [second, first]),
        ({"reference": first["reference"]}, [first]),
        ({"created_after": first["created_at"], "status": "placed"}, [second]),
        ({"created_before": second["created_at"]}, [first]),
    ):
        assert (await member.get(ORDERS, params=query)).json()["data"] == expected


async def test_a_list_of_any_length_takes_one_statement(member: AsyncClient) -> None:
    for expected in (1, 2, 3):
        await place(member, lines=[line(), line()])
        with stored.reads("orders", "order_lines") as executed:
            assert len((await member.get(ORDERS)).json()["data"]) == expected
        assert len(executed) == 1


async def test_an_order_is_read_with_its_lines_by_one_statement(member: AsyncClient) -> None:
    path = (await place(member, lines=[line(), line()])).headers["Location"]

    with stored.reads("orders", "order_lines") as executed:
        assert len((await member.get(path)).json()["lines"]) == 2

    assert len(executed) == 1


async def test_no_request_reads_a_whole_table(database: Database, member: AsyncClient, admin: AsyncClient) -> None:
    path = (await place(member)).headers["Location"]
    await plans.fill(database, 12_000)
    queries = ("", "?status=cancelled", "?reference=R-9", "?created_after=2026-01-01T00:00:00Z")
    with stored.reads("orders", "order_lines") as executed:
        for client in (member, admin):
            for url in (path, *[f"{ORDERS}{query}" for query in queries]):
                answer = await client.get(url)
                assert answer.status_code == 200
            await client.get(answer.links["next"]["url"])
    assert len(executed) >= 10
    for statement in executed:
        assert not await plans.reads_everything(database, statement), statement


async def test_a_failed_create_stores_nothing(member: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    body, key = new_order(), {"Idempotency-Key": "k"}
    with monkeypatch.context() as broken:
        broken.delattr(orders, "publish")
        assert (await member.post(ORDERS, json=body, headers=key)).status_code == 500
    assert (await member.get(ORDERS)).json()["data"] == []
    again = await member.post(ORDERS, json=body, headers=key)
    assert again.status_code == 201
    assert "Idempotent-Replayed" not in again.headers
