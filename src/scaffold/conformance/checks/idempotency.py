"""Idempotency-Key: a repeated request creates one order."""

from __future__ import annotations

import asyncio
import secrets

from scaffold.conformance import expect
from scaffold.conformance.accounts import member, stranger
from scaffold.conformance.core import check
from scaffold.conformance.discovery import ORDERS
from scaffold.conformance.ordering import draft
from scaffold.conformance.service import Account, Answer, Service

DUPLICATES = 50
REPLAYED = "Idempotent-Replayed"


@check("API-9", "the same key and body replay the first response, with a header that says so")
async def the_first_answer_is_replayed(service: Service) -> None:
    by, key, body = await member(service), _key(), draft()
    first = expect.status(await _create(service, by, key, body), 201)
    expect.that(
        REPLAYED not in first.headers, f"no {REPLAYED} at first", first.headers.get(REPLAYED), first
    )
    for _ in range(2):
        again = expect.status(await _create(service, by, key, body), 201)
        said = expect.header(again, REPLAYED)
        expect.that(said == "true", f"{REPLAYED}: true", said, again)
        expect.that(again.json() == first.json(), "the first body", "another", again)
        for name in ("Location", "ETag"):
            same = expect.header(again, name) == expect.header(first, name)
            expect.that(same, f"the first {name}", again.headers[name], again)


@check("API-9", "the same key with another body is refused with 422")
async def a_key_belongs_to_its_body(service: Service) -> None:
    by, key = await member(service), _key()
    expect.status(await _create(service, by, key, draft()), 201)
    other = draft()
    expect.problem(await _create(service, by, key, other), 422, "idempotency_key_reused")
    await _expect_rows(service, by, other, 0)


@check("API-9", "a key that is empty, too long or not printable is refused")
async def malformed_keys_are_refused(service: Service) -> None:
    by = await member(service)
    for key in ("", "k" * 256, "tab\tinside"):
        body = draft()
        answer = await _create(service, by, key, body)
        expect.that(
            answer.status in (400, 422) and answer.code is not None,
            "400 as a problem",
            answer,
            answer,
        )
        await _expect_rows(service, by, body, 0)
    expect.status(await _create(service, by, "k" * 223 + secrets.token_hex(16), draft()), 201)


@check("API-9", f"{DUPLICATES} concurrent duplicates create one order")
async def duplicates_at_once_make_one(service: Service) -> None:
    by, key, body = await member(service), _key(), draft()
    answers = await asyncio.gather(*(_create(service, by, key, body) for _ in range(DUPLICATES)))
    for answer in answers:
        if answer.status != 201:
            expect.problem(answer, 409, "idempotency_in_progress")
            expect.header(answer, "Retry-After")
    ids = {answer.json()["id"] for answer in answers if answer.status == 201}
    expect.that(len(ids) == 1, "one order", f"{len(ids)}", answers[0])
    made = [answer for answer in answers if answer.status == 201 and REPLAYED not in answer.headers]
    expect.that(len(made) == 1, "one answer that is no replay", len(made), answers[0])
    await _expect_rows(service, by, body, 1)


@check("API-9", "a key is valid for its sender only", accounts=True)
async def keys_are_by_principal(service: Service) -> None:
    mine, other, key, body = await member(service), await stranger(service), _key(), draft()
    first = expect.status(await _create(service, mine, key, body), 201)
    second = expect.status(await _create(service, other, key, body), 201)
    own = second.json()["id"] != first.json()["id"] and REPLAYED not in second.headers
    expect.that(own, "an order of the second account's own", "the first one's", second)


async def _create(service: Service, by: Account, key: str, body: dict[str, object]) -> Answer:
    return await service.post(ORDERS, by, json=body, headers={"Idempotency-Key": key})


async def _expect_rows(service: Service, by: Account, body: dict[str, object], count: int) -> None:
    answer = await service.get(ORDERS, by, params={"reference": str(body["reference"])})
    found = len(expect.status(answer, 200).json()["data"])
    expect.that(found == count, f"{count} orders", found, answer)


def _key() -> str:
    return f"verify-{secrets.token_hex(12)}"
