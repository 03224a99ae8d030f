"""Lists: their form, bounds, filters and pagination."""

from __future__ import annotations

import asyncio
import base64
import re
from collections import Counter
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from scaffold.conformance import expect
from scaffold.conformance.accounts import member
from scaffold.conformance.core import check
from scaffold.conformance.discovery import ORDERS
from scaffold.conformance.ordering import cancel, draft, place, settled
from scaffold.conformance.service import Account, Answer, Service

AT_ONCE = 8
NEXT = re.compile(r'<([^>]*)>\s*;\s*rel="?next"?')


@check("API-4", "a list has data and meta: 20 items by default, newest first")
async def lists_have_their_envelope(service: Service) -> None:
    by = await member(service)
    await _place_many(service, by, 21)
    answer = expect.status(await service.get(ORDERS, by), 200)
    data, meta = expect.member(answer, "data", list), expect.member(answer, "meta", dict)
    expect.that(len(data) == 20, "20 orders", len(data), answer)
    expect.that(meta.get("limit") == 20, "meta.limit 20", meta.get("limit"), answer)
    expect.that(
        isinstance(meta.get("next_cursor"), str), "a next_cursor", meta.get("next_cursor"), answer
    )
    order = [(datetime.fromisoformat(one["created_at"]), one["id"]) for one in data]
    newest_first = sorted((at for at, _ in order), reverse=True) == [at for at, _ in order]
    expect.that(newest_first, "the newest first", "another order", answer)


@check("API-4", "limit is 1 to 100; else 400 invalid_parameter")
async def limits_are_bounded(service: Service) -> None:
    by = await member(service)
    for limit in ("1", "100"):
        answer = expect.status(await service.get(ORDERS, by, params={"limit": limit}), 200)
        got = expect.member(answer, "meta", dict).get("limit")
        expect.that(got == int(limit), f"meta.limit {limit}", got, answer)
    for limit in ("0", "101", "-1", "many", "1.5", "", "9" * 30):
        answer = await service.get(ORDERS, by, params={"limit": limit})
        expect.problem(answer, 400, "invalid_parameter")


@check("API-4", "a cursor from elsewhere is 400 invalid_cursor")
async def foreign_cursors_are_refused(service: Service) -> None:
    by = await member(service)
    made_up = base64.urlsafe_b64encode(b'{"created_at": "2026-01-01", "id": "1"}').decode()
    for cursor in ("nonsense", "!!!!", "AAAA", made_up, "x" * 4000, "\u0000"):
        answer = await service.get(ORDERS, by, params={"cursor": cursor})
        expect.problem(answer, 400, "invalid_cursor")


@check("API-4", "an invalid filter value is 400 invalid_parameter")
async def senseless_filters_are_refused(service: Service) -> None:
    by = await member(service)
    for name, value in (
        ("status", "lost"),
        ("created_after", "yesterday"),
        ("created_before", "2026-13-01T00:00:00Z"),
    ):
        answer = await service.get(ORDERS, by, params={name: value})
        expect.problem(answer, 400, "invalid_parameter")


@check("API-4", "filters by status, reference and creation time return exactly the matching orders")
async def filters_find_what_fits(service: Service) -> None:
    by = await member(service)
    order = await settled(service, by)
    await place(service, by)
    expect.status(await cancel(service, by, order), 200)
    reference, created = (
        order.json()["reference"],
        datetime.fromisoformat(order.json()["created_at"]),
    )
    hour = timedelta(hours=1)
    for fits, filters in (
        (True, {}),
        (True, {"status": "cancelled"}),
        (False, {"status": "placed"}),
        (False, {"status": "confirmed"}),
        (True, {"created_after": _time(created - hour)}),
        (False, {"created_after": _time(created + hour)}),
        (True, {"created_before": _time(created + hour)}),
        (False, {"created_before": _time(created - hour)}),
    ):
        answer = await service.get(ORDERS, by, params={"reference": reference, **filters})
        found = [one["id"] for one in expect.status(answer, 200).json()["data"]]
        wanted = [order.json()["id"]] if fits else []
        expect.that(found == wanted, f"{len(wanted)} order", f"{len(found)}", answer)
    cancelled = await service.get(ORDERS, by, params={"status": "cancelled"})
    states = {one["status"] for one in cancelled.json()["data"]}
    expect.that(states == {"cancelled"}, "cancelled orders alone", sorted(states), cancelled)


@check("API-4", 'Link rel="next" is the next page, with the same limit and filters')
async def link_leads_to_the_next_page(service: Service) -> None:
    by = await member(service)
    await _place_many(service, by, 3)
    params = {"limit": "1", "created_after": "2020-01-01T00:00:00Z"}
    first = expect.status(await service.get(ORDERS, by, params=params), 200)
    link = NEXT.search(expect.header(first, "Link"))
    expect.that(link is not None, '<…>; rel="next"', first.headers["Link"], first)
    cursor = first.json()["meta"]["next_cursor"]
    target = urlsplit(link[1]) if link else urlsplit("")
    by_link = expect.status(await service.get(f"{target.path}?{target.query}", by), 200)
    by_cursor = expect.status(
        await service.get(ORDERS, by, params={**params, "cursor": cursor}), 200
    )
    same = _ids(by_link) == _ids(by_cursor) and _ids(by_link) != _ids(first)
    expect.that(same, "the page that next_cursor gives", _ids(by_link), by_link)
    last = await service.get(ORDERS, by, params={"reference": first.json()["data"][0]["reference"]})
    ends = last.json()["meta"]["next_cursor"] is None and "Link" not in last.headers
    expect.that(
        ends, "neither next_cursor nor Link on the last page", last.headers.get("Link"), last
    )


@check("API-4", "a walk by cursor during inserts returns every order once")
async def walking_meets_each_once(service: Service) -> None:
    by = await member(service)
    placed = await _place_many(service, by, service.options.rows)
    stop = asyncio.Event()
    inserting = asyncio.create_task(_keep_placing(service, by, stop))
    try:
        met = await _walk(service, by, oldest=min(one["created_at"] for one in placed))
    finally:
        stop.set()
        await inserting
    twice = [one for one, times in met.items() if times > 1]
    lost = [one["id"] for one in placed if one["id"] not in met]
    expect.that(not twice, "no order met twice", f"{len(twice)} of {len(placed)}")
    expect.that(not lost, "no order lost", f"{len(lost)} of {len(placed)}")


async def _walk(service: Service, by: Account, oldest: str) -> Counter[str]:
    """How often each id is listed, down to the orders older than `oldest`."""
    met: Counter[str] = Counter()
    params = {"limit": str(max(5, min(100, service.options.rows // 12)))}
    while True:
        answer = expect.status(await service.get(ORDERS, by, params=params), 200)
        data = expect.member(answer, "data", list)
        met.update(one["id"] for one in data)
        cursor = expect.member(answer, "meta", dict)["next_cursor"]
        past = bool(data) and _at(data[-1]) < datetime.fromisoformat(oldest)
        if cursor is None or past:
            return met
        pages_due = 10 + 2 * service.options.rows
        expect.that(
            met.total() < pages_due * 100, "a walk that ends", f"{met.total()} orders met", answer
        )
        expect.that(bool(data), "no empty page before the last", "one", answer)
        params["cursor"] = cursor


async def _keep_placing(service: Service, by: Account, stop: asyncio.Event) -> None:
    for _ in range(service.options.rows):
        if stop.is_set():
            return
        await place(service, by)


async def _place_many(service: Service, by: Account, count: int) -> list[dict[str, Any]]:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one() -> dict[str, Any]:
        async with gate:
            answer = await service.post(ORDERS, by, json=draft())
            order: dict[str, Any] = expect.status(answer, 201).json()
            return order

    return await asyncio.gather(*(one() for _ in range(count)))


def _ids(answer: Answer) -> list[str]:
    return [one["id"] for one in answer.json()["data"]]


def _at(order: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(order["created_at"])


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
