"""Conditional requests: unchanged resources are not sent again, and no change is lost."""

from __future__ import annotations

import asyncio

from scaffold.conformance import expect
from scaffold.conformance.accounts import ME, member
from scaffold.conformance.core import check
from scaffold.conformance.ordering import change, settled
from scaffold.conformance.service import Service


@check("API-10", "a resource has an ETag; If-None-Match with it is answered with 304")
async def unchanged_is_not_sent_again(service: Service) -> None:
    by = await member(service)
    order = await settled(service, by)
    tag = expect.header(order, "ETag")
    quoted = tag.removeprefix("W/")
    expect.that(len(quoted) > 2 and quoted[0] == quoted[-1] == '"', "a quoted ETag", tag, order)
    for sent in (tag, f'"other", {tag}', "*", f"W/{quoted}"):
        answer = await service.get(order.path, by, headers={"If-None-Match": sent})
        expect.status(answer, 304)
        expect.that(not answer.body, "no body", f"{len(answer.body)} bytes", answer)
        expect.that(
            expect.header(answer, "ETag") == tag, f"ETag {tag}", answer.headers["ETag"], answer
        )
    expect.status(await service.get(order.path, by, headers={"If-None-Match": '"other"'}), 200)


@check("API-10", "the account has an ETag", accounts=True)
async def the_account_has_a_version(service: Service) -> None:
    by = await member(service)
    tag = expect.header(await service.get(ME, by), "ETag")
    expect.status(await service.get(ME, by, headers={"If-None-Match": tag}), 304)


@check("API-10", "a change without If-Match is refused with 428")
async def changing_needs_a_version(service: Service) -> None:
    by = await member(service)
    order = await settled(service, by)
    answer = await service.request("PATCH", order.path, by, json={"note": "blind"})
    expect.problem(answer, 428, "precondition_required")
    note = (await service.get(order.path, by)).json()["note"]
    expect.that(note is None, "the order unchanged", f"note {note!r}", answer)


@check("API-10", "a change of an outdated version is refused with 412")
async def changing_a_gone_version_is_refused(service: Service) -> None:
    by = await member(service)
    order = await settled(service, by)
    first = expect.status(await change(service, by, order, note="first"), 200)
    expect.that(
        first.headers.get("ETag") != order.headers["ETag"],
        "a new ETag",
        first.headers.get("ETag"),
        first,
    )
    now = expect.header(await service.get(order.path, by), "ETag")
    expect.that(
        first.headers.get("ETag") == now,
        f"the ETag that a read gives, {now}",
        first.headers.get("ETag"),
        first,
    )
    expect.problem(await change(service, by, order, note="second"), 412, "precondition_failed")
    wrong = {"If-Match": '"no such version"'}
    answer = await service.request("PATCH", order.path, by, json={"note": "third"}, headers=wrong)
    expect.problem(answer, 412, "precondition_failed")
    note = (await service.get(order.path, by)).json()["note"]
    expect.that(note == "first", "the first change kept", note, answer)


@check("API-10", "of concurrent changes of one version, exactly one is accepted")
async def no_change_is_lost(service: Service) -> None:
    by = await member(service)
    order = await settled(service, by)
    answers = await asyncio.gather(*(change(service, by, order, note=f"by {n}") for n in range(6)))
    taken = [answer for answer in answers if answer.status == 200]
    expect.that(len(taken) == 1, "one change taken", len(taken), answers[0])
    for answer in answers:
        if answer.status != 200:
            expect.problem(answer, 412, "precondition_failed")
