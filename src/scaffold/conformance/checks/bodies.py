"""Request bodies: everything is validated at the boundary."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from scaffold.conformance import expect
from scaffold.conformance.accounts import member
from scaffold.conformance.core import check
from scaffold.conformance.discovery import ORDERS
from scaffold.conformance.ordering import draft, if_match, line, settled
from scaffold.conformance.service import Account, Answer, Service
from scaffold.conformance.verdicts import Failure

JSON = {"Content-Type": "application/json"}
PART = 64 * 1024
DEPTH = 20_000

OUT_OF_BOUNDS: tuple[tuple[dict[str, Any], str], ...] = (
    ({"reference": ""}, "/reference"),
    ({"reference": "r" * 65}, "/reference"),
    ({"currency": "EURO"}, "/currency"),
    ({"currency": None}, "/currency"),
    ({"note": "n" * 501}, "/note"),
    ({"lines": []}, "/lines"),
    ({"lines": [line()] * 101}, "/lines"),
    ({"lines": "none"}, "/lines"),
    ({"lines": [line(sku="")]}, "/lines/0/sku"),
    ({"lines": [line(), line(sku="s" * 65)]}, "/lines/1/sku"),
    ({"lines": [line(quantity=0)]}, "/lines/0/quantity"),
    ({"lines": [line(quantity=1001)]}, "/lines/0/quantity"),
    ({"lines": [line(quantity=1.5)]}, "/lines/0/quantity"),
    ({"lines": [line(quantity=10**30)]}, "/lines/0/quantity"),
    ({"lines": [line(unit_price="-1.00")]}, "/lines/0/unit_price"),
    ({"lines": [line(unit_price="a lot")]}, "/lines/0/unit_price"),
    ({"lines": [line(unit_price="NaN")]}, "/lines/0/unit_price"),
    ({"lines": [line(unit_price="Infinity")]}, "/lines/0/unit_price"),
)

OF_ANOTHER_TYPE: tuple[tuple[dict[str, Any], str], ...] = (
    ({"reference": 7}, "/reference"),
    ({"lines": [line(quantity=True)]}, "/lines/0/quantity"),
    ({"lines": [line(quantity="2")]}, "/lines/0/quantity"),
    ({"lines": [line(quantity=2.5)]}, "/lines/0/quantity"),
    ({"lines": [line(unit_price=2)]}, "/lines/0/unit_price"),
)

HOSTILE: tuple[dict[str, Any], ...] = (
    {"reference": "a\u0000b"},
    {"note": "\ud800"},
    {"note": "\u202e\u0000 ' OR 1=1; DROP TABLE orders; --"},
    {"reference": "../../etc/passwd"},
    {"reference": "${jndi:ldap://127.0.0.1/a}"},
    {"reference": "{{7*7}}"},
    {"lines": [line(unit_price="1e400")]},
    {"lines": [line(unit_price="1e-400")]},
    {"lines": [line(unit_price="9" * 400)]},
    {"lines": [line(unit_price={"$gt": 0})]},
    {"lines": [line(quantity=True)]},
    {"lines": {"0": line()}},
)


@check("API-2", "a body over MAX_BODY_BYTES is refused with 413")
async def large_bodies_are_refused(service: Service) -> None:
    by = await member(service)
    body = b" " * (service.options.max_body + PART)
    answer = await _unless_reset(lambda: service.post(ORDERS, by, content=body, headers=JSON))
    expect.problem(answer, 413, "payload_too_large")


@check("API-2", "a chunked body over MAX_BODY_BYTES is refused with 413")
async def large_chunked_bodies_are_refused(service: Service) -> None:
    by = await member(service)
    size = service.options.max_body + PART
    answer = await _unless_reset(
        lambda: service.post(ORDERS, by, content=_chunks(size), headers=JSON)
    )
    expect.problem(answer, 413, "payload_too_large")


@check("API-2", "a body below MAX_BODY_BYTES is accepted")
async def bodies_below_the_limit_are_read(service: Service) -> None:
    body = draft(note="n" * (service.options.max_body - PART))
    expect.problem(
        await service.post(ORDERS, await member(service), json=body), 422, "validation_failed"
    )


@check("API-2", "a body whose Content-Type is not JSON is refused with 415")
async def other_content_types_are_refused(service: Service) -> None:
    by = await member(service)
    for kind in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/xml",
        "multipart/form-data",
    ):
        answer = await service.post(ORDERS, by, json=draft(), headers={"Content-Type": kind})
        expect.problem(answer, 415, "unsupported_media_type")
    expect.problem(await service.post(ORDERS, by, content=b"{}"), 415, "unsupported_media_type")


@check("API-2", "JSON with a charset and merge patches are accepted")
async def json_content_types_are_taken(service: Service) -> None:
    by = await member(service)
    with_charset = {"Content-Type": "application/json; charset=utf-8"}
    expect.status(await service.post(ORDERS, by, json=draft(), headers=with_charset), 201)
    order = await settled(service, by)
    merge = {"Content-Type": "application/merge-patch+json", **if_match(order)}
    expect.status(
        await service.request("PATCH", order.path, by, json={"note": "n"}, headers=merge), 200
    )


@check("API-2", "malformed JSON is refused with 400")
async def malformed_json_is_refused(service: Service) -> None:
    by = await member(service)
    for body in (b'{"reference": ', b"{'a': 1}", b"nonsense", b'{"note": "\xff\xfe"}'):
        answer = await service.post(ORDERS, by, content=body, headers=JSON)
        expect.problem(answer, 400, "malformed_json")


@check("API-2", "deeply nested JSON is refused")
async def deep_json_is_refused(service: Service) -> None:
    by = await member(service)
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        deep = opening * DEPTH + b"1" + closing * DEPTH
        answer = await service.post(ORDERS, by, content=b'{"note": ' + deep + b"}", headers=JSON)
        expect.that(
            answer.status in (400, 422) and answer.code is not None,
            "400 or 422 as a problem",
            answer,
            answer,
        )


@check("API-2", "an unknown field is refused with 422 and its JSON pointer")
async def unknown_fields_are_refused(service: Service) -> None:
    by = await member(service)
    for body, pointer in (
        (draft(colour="red"), "/colour"),
        (draft(lines=[line(colour="red")]), "/lines/0/colour"),
    ):
        await _refused_at(pointer, service, by, body)


@check("API-2", "a value out of bounds is refused with 422 and its JSON pointer")
async def values_out_of_bounds_are_refused(service: Service) -> None:
    by = await member(service)
    for changes, pointer in OUT_OF_BOUNDS:
        await _refused_at(pointer, service, by, draft(**changes))
    for missing in ("reference", "currency", "lines"):
        body = draft()
        del body[missing]
        await _refused_at(f"/{missing}", service, by, body)


@check("API-2", "a value of another JSON type is refused with 422, not converted")
async def values_of_another_type_are_refused(service: Service) -> None:
    by = await member(service)
    for changes, pointer in OF_ANOTHER_TYPE:
        await _refused_at(pointer, service, by, draft(**changes))


@check("API-2", "values at their bounds are accepted")
async def values_at_their_bounds_are_taken(service: Service) -> None:
    by = await member(service)
    largest = draft(note="ñ" * 500, lines=[line(sku="s" * 64, quantity=1000)] * 100)
    largest["reference"] = largest["reference"].ljust(64, "r")
    for body in (largest, draft(lines=[line(sku="s")])):
        expect.status(await service.post(ORDERS, by, json=body), 201)


@check("SEC-11", "hostile values are stored as text or refused; they never cause a 5xx")
async def hostile_values_do_no_harm(service: Service) -> None:
    by = await member(service)
    for changes in HOSTILE:
        expect.status(await service.post(ORDERS, by, json=draft(**changes)), 201, 400, 422)
    for path in ("%00", "%ff", "..%2f..%2fetc%2fpasswd", "'%20OR%201=1", "0" * 2000):
        expect.status(await service.get(f"{ORDERS}/{path}", by), 400, 404, 414, 422)
    for query in (
        "reference=%00",
        "reference=%27%20OR%201%3D1",
        "status=%ff",
        "cursor=%00&limit=1",
    ):
        expect.status(await service.get(f"{ORDERS}?{query}", by), 200, 400)


@check(
    "SEC-11", "what the service decides cannot be assigned: id, status, total and owner are refused"
)
async def read_only_fields_are_refused(service: Service) -> None:
    by = await member(service)
    order = await settled(service, by)
    for name, value in (("id", "1"), ("status", "confirmed"), ("total", "0.00"), ("owner_id", "1")):
        await _refused_at(f"/{name}", service, by, draft(**{name: value}))
        answer = await service.request(
            "PATCH", order.path, by, json={name: value}, headers=if_match(order)
        )
        expect.problem(answer, 422, "validation_failed")


async def _refused_at(pointer: str, service: Service, by: Account, body: dict[str, Any]) -> None:
    answer = expect.problem(await service.post(ORDERS, by, json=body), 422, "validation_failed")
    found = expect.pointers(answer)
    expect.that(
        any(one == pointer or one.startswith(f"{pointer}/") for one in found),
        f"an error at {pointer}",
        found,
        answer,
    )


async def _unless_reset(send: Callable[[], Any]) -> Answer:
    """Send again when a server that refuses early closed before its answer arrived."""
    for _ in range(2):
        try:
            return await send()  # type: ignore[no-any-return]  # every sender gives an Answer
        except Failure:
            continue
    return await send()  # type: ignore[no-any-return]


async def _chunks(size: int) -> AsyncIterator[bytes]:
    for _ in range(0, size, PART):
        yield b" " * PART
