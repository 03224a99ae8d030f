"""The life cycle of an order."""

from __future__ import annotations

import asyncio
import re
import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlsplit

from scaffold.conformance import expect
from scaffold.conformance.accounts import member
from scaffold.conformance.core import check
from scaffold.conformance.discovery import ORDERS
from scaffold.conformance.ordering import (
    cancel,
    change,
    draft,
    if_match,
    line,
    path_of,
    place,
    settled,
)
from scaffold.conformance.service import Answer, Service

MEMBERS = {
    *(
        "id",
        "reference",
        "currency",
        "status",
        "lines",
        "total",
        "note",
        "created_at",
        "updated_at",
    ),
}
UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
CLOCKS_APART = timedelta(minutes=10)


@check("API-1", "POST creates an order: 201 with Location, ETag and the complete order")
async def creating_answers_where_it_is(service: Service) -> None:
    by = await member(service)
    body = draft(note="to the door")
    answer = expect.status(await service.post(ORDERS, by, json=body), 201)
    expect.header(answer, "ETag")
    order = answer.json()
    expect.that(
        set(order) >= MEMBERS, f"the members {', '.join(sorted(MEMBERS))}", sorted(order), answer
    )
    expect.that(order["status"] == "placed", "a new order placed", order["status"], answer)
    for name in ("reference", "currency", "note"):
        expect.that(order[name] == body[name], f"{name} {body[name]}", order[name], answer)
    found = expect.status(
        await service.get(urlsplit(expect.header(answer, "Location")).path, by), 200
    )
    expect.that(
        found.json()["id"] == order["id"], "the order at its Location", found.json()["id"], found
    )


@check("DB-1", "an id is a UUIDv7, a time is RFC 3339 in UTC")
async def ids_and_times_have_their_form(service: Service) -> None:
    answer = await place(service, await member(service))
    order = answer.json()
    expect.that(uuid.UUID(order["id"]).version == 7, "a UUIDv7", order["id"], answer)
    for name in ("created_at", "updated_at"):
        expect.that(bool(UTC_TIME.fullmatch(order[name])), f"{name} in UTC", order[name], answer)
        apart = abs(datetime.fromisoformat(order[name]) - datetime.now(UTC))
        expect.that(apart < CLOCKS_APART, f"{name} about now", order[name], answer)


@check("DB-1", "money is an exact decimal string")
async def money_is_exact(service: Service) -> None:
    by = await member(service)
    for lines in (
        [line(quantity=3, unit_price="0.10"), line(quantity=1, unit_price="0.20")],
        [line(quantity=100, unit_price="4.35"), line(quantity=7, unit_price="1.15")],
        [line(quantity=1000, unit_price="99999.99"), line(unit_price="0.01")],
    ):
        answer = await service.get(path_of(await place(service, by, lines=lines)), by)
        total = expect.member(answer, "total", str)
        exact = sum(Decimal(str(one["unit_price"])) * int(str(one["quantity"])) for one in lines)
        expect.that(Decimal(total) == exact, f"total {exact}", total, answer)
        for sent, got in zip(lines, expect.member(answer, "lines", list), strict=True):
            price = got["unit_price"]
            same = isinstance(price, str) and Decimal(price) == Decimal(str(sent["unit_price"]))
            expect.that(same, f"unit_price {sent['unit_price']!r}", repr(price), answer)


@check("API-1", "a reference is unique: a second order with it is 409 conflict")
async def references_are_unique(service: Service) -> None:
    by = await member(service)
    first = (await place(service, by)).json()
    again = await service.post(ORDERS, by, json=draft(reference=first["reference"]))
    expect.problem(again, 409, "conflict")


@check("API-1", "PATCH changes note and reference, and nothing else")
async def patching_changes_what_it_names(service: Service) -> None:
    by = await member(service)
    order = await settled(service, by, note="before")
    before = order.json()
    reference = draft()["reference"]
    changed = expect.status(await change(service, by, order, note=None, reference=reference), 200)
    read = await service.get(order.path, by)
    for answer in (changed, read):
        after = answer.json()
        expect.that(after["note"] is None, "note null", after["note"], answer)
        expect.that(
            after["reference"] == reference, "the new reference", after["reference"], answer
        )
        for name in MEMBERS - {"note", "reference", "updated_at"}:
            expect.that(after[name] == before[name], f"{name} as before", after[name], answer)
    later = datetime.fromisoformat(read.json()["updated_at"]) > datetime.fromisoformat(
        before["updated_at"]
    )
    expect.that(later, "a later updated_at", read.json()["updated_at"], read)


@check("API-1", "a cancelled order cannot be cancelled or changed again: 409 invalid_state")
async def cancelled_is_final(service: Service) -> None:
    by = await member(service)
    order = await settled(service, by)
    cancelled = expect.status(await cancel(service, by, order), 200)
    state = expect.member(cancelled, "status", str)
    expect.that(state == "cancelled", "status cancelled", state, cancelled)
    order = await service.get(order.path, by)
    expect.problem(await cancel(service, by, order), 409, "invalid_state")
    expect.problem(await change(service, by, order, note="too late"), 409, "invalid_state")


@check("API-1", "DELETE answers 204 and removes the order, or 403 when a member may not")
async def deleted_is_gone(service: Service) -> None:
    by = await member(service)
    order = await settled(service, by)
    answer = await service.request("DELETE", order.path, by, headers=if_match(order))
    if service.auth != "none" and answer.status == 403:
        expect.problem(answer, 403, "permission_denied")
        expect.status(await service.get(order.path, by), 200)
        return
    expect.status(answer, 204)
    expect.that(not answer.body, "no body", f"{len(answer.body)} bytes", answer)
    expect.problem(await service.get(order.path, by), 404, "not_found")


@check(
    "REL-4",
    "with a queue a placed order is confirmed within seconds, once; without one it stays placed",
)
async def events_take_effect_once(service: Service) -> None:
    by = await member(service)
    service.settles = service.publishes
    order = await settled(service, by)
    _expect_state(order, service)
    # A second delivery would show as a second change.
    await asyncio.sleep(service.options.settle / 10)
    again = await service.get(order.path, by)
    _expect_state(again, service)
    same = expect.header(again, "ETag") == expect.header(order, "ETag")
    expect.that(same, "one change by the event", "a second one", again)


def _expect_state(order: Answer, service: Service) -> None:
    state = expect.member(order, "status", str)
    if service.publishes:
        expect.that(state == "confirmed", "status confirmed (does the worker run?)", state, order)
    else:
        expect.that(state == "placed", "status placed, for nothing tells of a queue", state, order)
