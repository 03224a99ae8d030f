"""Orders over HTTP, from the first to the last day."""

import asyncio
from typing import Any
from uuid import UUID

import pytest
from httpx2 import AsyncClient, Response

from app.ids import new_id
from tests.orders.factories import ORDERS, line, new_order, place


def refused(answer: Response, status: int, code: str) -> bool:
    return (answer.status_code, answer.json()["code"]) == (status, code)


async def test_an_order_is_placed(member: AsyncClient) -> None:
    body = new_order(lines=[line(), line(sku="POT", quantity=1, unit_price="0.1050")])
    answer = await member.post(ORDERS, json=body)
    order = answer.json()
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"{ORDERS}/{order['id']}"
    assert answer.headers["ETag"] == '"1"'
    assert UUID(order["id"]).version == 7
    assert order["created_at"].endswith("Z")
    assert order["total"] == "25.105"
    assert [(item["sku"], item["unit_price"]) for item in order["lines"]] == [("TEA-500", "12.50"), ("POT", "0.105")]
    assert {name: order[name] for name in ("reference", "currency", "note", "status")} == {
        "reference": body["reference"],
        "currency": "EUR",
        "note": "Ring twice",
        "status": "placed",
    }


async def test_an_order_is_found_as_it_was_placed(member: AsyncClient) -> None:
    placed = await place(member)
    found = await member.get(placed.headers["Location"])
    assert (found.json(), found.headers["ETag"]) == (placed.json(), placed.headers["ETag"])


async def test_an_order_at_hand_is_not_sent_again(member: AsyncClient) -> None:
    placed = await place(member)
    again = await member.get(placed.headers["Location"], headers={"If-None-Match": placed.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize("order_id", [new_id(), "1"])
async def test_an_unknown_order_is_not_found(admin: AsyncClient, order_id: object) -> None:
    path = f"{ORDERS}/{order_id}"
    answers = [await admin.get(path), await admin.patch(path, json={}), await admin.delete(path)]
    answers.append(await admin.post(f"{path}/cancellation"))
    assert all(refused(answer, 404, "not_found") for answer in answers)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"reference": ""}, "/reference"),
        ({"reference": "x" * 65}, "/reference"),
        ({"reference": "a\0"}, "/reference"),
        ({"currency": "eur"}, "/currency"),
        ({"note": "x" * 501}, "/note"),
        ({"lines": []}, "/lines"),
        ({"lines": [line()] * 101}, "/lines"),
        ({"lines": [line(sku="x" * 65)]}, "/lines/0/sku"),
        ({"lines": [line(), line(quantity=0)]}, "/lines/1/quantity"),
        ({"lines": [line(quantity=1001)]}, "/lines/0/quantity"),
        ({"lines": [line(unit_price="-0.01")]}, "/lines/0/unit_price"),
        ({"lines": [line(unit_price="0.00001")]}, "/lines/0/unit_price"),
        ({"lines": [line(unit_price="NaN")]}, "/lines/0/unit_price"),
        ({"lines": [line(owner_id="x")]}, "/lines/0/owner_id"),
        ({"status": "confirmed"}, "/status"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused(
    member: AsyncClient, changes: dict[str, Any], pointer: str
) -> None:
    answer = await member.post(ORDERS, json=new_order(**changes))
    assert refused(answer, 422, "validation_failed")
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


async def test_a_reference_is_taken_once(member: AsyncClient) -> None:
    first, second = await place(member), await place(member)
    reference = first.json()["reference"]
    assert refused(await member.post(ORDERS, json=new_order(reference=reference)), 409, "conflict")
    match = {"If-Match": second.headers["ETag"]}
    renamed = await member.patch(second.headers["Location"], json={"reference": reference}, headers=match)
    assert refused(renamed, 409, "conflict")


async def test_a_change_touches_only_what_it_names(member: AsyncClient) -> None:
    placed = await place(member)
    changed = await member.patch(placed.headers["Location"], json={"note": None}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert changed.json()["updated_at"] > placed.json()["updated_at"]
    assert changed.json() == placed.json() | {"note": None, "updated_at": changed.json()["updated_at"]}


async def test_a_change_must_name_the_version_it_knows(member: AsyncClient) -> None:
    path = (await place(member)).headers["Location"]
    assert refused(await member.patch(path, json={"note": "x"}), 428, "precondition_required")
    stale = await member.patch(path, json={"note": "x"}, headers={"If-Match": '"2"'})
    assert refused(stale, 412, "precondition_failed")
    assert (await member.get(path)).json()["note"] == "Ring twice"


async def test_of_two_changes_at_once_one_is_refused(member: AsyncClient) -> None:
    path = (await place(member)).headers["Location"]
    changes = [member.patch(path, json={"note": note}, headers={"If-Match": '"1"'}) for note in "abcde"]
    assert sorted(answer.status_code for answer in await asyncio.gather(*changes)) == [200, 412, 412, 412, 412]


async def test_an_order_is_cancelled_once_and_then_stays_as_it_is(member: AsyncClient) -> None:
    path = (await place(member)).headers["Location"]
    cancelled = await member.post(f"{path}/cancellation")
    assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")
    assert refused(await member.post(f"{path}/cancellation"), 409, "invalid_state")
    changed = await member.patch(path, json={"note": "x"}, headers={"If-Match": cancelled.headers["ETag"]})
    assert refused(changed, 409, "invalid_state")


async def test_an_order_of_another_version_is_not_cancelled_or_deleted(admin: AsyncClient) -> None:
    path = (await place(admin)).headers["Location"]
    stale = {"If-Match": '"7"'}
    assert refused(await admin.post(f"{path}/cancellation", headers=stale), 412, "precondition_failed")
    assert refused(await admin.delete(path, headers=stale), 412, "precondition_failed")


async def test_an_order_is_deleted(admin: AsyncClient) -> None:
    path = (await place(admin)).headers["Location"]
    assert (await admin.delete(path)).status_code == 204
    assert refused(await admin.get(path), 404, "not_found")


async def test_orders_are_listed_newest_first(member: AsyncClient) -> None:
    placed = [(await place(member)).json() for _ in range(3)]
    assert (await member.get(ORDERS)).json() == {"data": placed[::-1], "meta": {"limit": 20, "next_cursor": None}}


async def test_a_list_is_walked_while_orders_are_placed(member: AsyncClient) -> None:
    placed = [(await place(member)).json()["id"] for _ in range(7)]
    walked, path = [], f"{ORDERS}?limit=2&status=placed"
    while path:
        page = await member.get(path)
        walked += [order["id"] for order in page.json()["data"]]
        path = page.links["next"]["url"] if "next" in page.links else ""
        assert bool(path) == bool(page.json()["meta"]["next_cursor"])
        await place(member)
    assert walked == placed[::-1]


async def test_a_list_refuses_a_cursor_that_it_did_not_give(member: AsyncClient) -> None:
    assert refused(await member.get(ORDERS, params={"cursor": "x"}), 400, "invalid_cursor")


async def test_a_list_is_filtered(member: AsyncClient) -> None:
    first, second, third = [(await place(member)).json() for _ in range(3)]
    await member.post(f"{ORDERS}/{third['id']}/cancellation")
    for query, expected in (
        ({"status": "placed"}, [second, first]),
        ({"reference": first["reference"]}, [first]),
        ({"created_after": first["created_at"], "status": "placed"}, [second]),
        ({"created_before": second["created_at"]}, [first]),
        ({"status": "confirmed"}, []),
    ):
        assert (await member.get(ORDERS, params=query)).json()["data"] == expected
