"""Rules for any request: its id, headers, origin, encoding and method."""

from __future__ import annotations

import re

from scaffold.conformance import expect
from scaffold.conformance.accounts import member
from scaffold.conformance.core import check
from scaffold.conformance.discovery import ORDERS
from scaffold.conformance.ordering import line, path_of, place, settled
from scaffold.conformance.service import Account, Answer, Service
from scaffold.conformance.verdicts import Skip

EVIL = "https://evil.example"
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


@check("API-11", "a valid X-Request-ID is returned, also with errors")
async def request_id_is_kept(service: Service) -> None:
    for path in ("/livez", "/conformance/nowhere"):
        for sent in ("a", "Verify.1_2-3", "x" * 128):
            answer = await service.get(path, headers={"X-Request-ID": sent})
            got = expect.header(answer, "X-Request-ID")
            expect.that(got == sent, f"X-Request-ID {sent[:20]}", got[:20], answer)


@check("API-11", "an X-Request-ID that is too long or has invalid characters is replaced")
async def request_id_is_replaced(service: Service) -> None:
    seen = set()
    for sent in ("x" * 129, "two words", "<script>", "a;b", ""):
        answer = await service.get("/livez", headers={"X-Request-ID": sent})
        got = expect.header(answer, "X-Request-ID")
        good = got != sent and REQUEST_ID.fullmatch(got)
        expect.that(bool(good), f"another X-Request-ID than {sent[:20]!r}", repr(got[:20]), answer)
        seen.add(got)
    expect.that(len(seen) == 5, "a new X-Request-ID each time", f"{len(seen)} of 5")


@check("API-11", "a traceparent is accepted; a malformed one is ignored")
async def traceparent_is_taken(service: Service) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    for sent in (trace, "00-0-0-0", "rubbish", "", trace + "-" * 500):
        expect.status(await service.get("/livez", headers={"traceparent": sent}), 200)


@check("API-8", "without configuration, no other origin is allowed")
async def foreign_origins_are_refused(service: Service) -> None:
    by = await member(service)
    for answer in (
        await service.get(ORDERS, by, headers={"Origin": EVIL}),
        await _preflight(service, EVIL),
    ):
        allowed = answer.headers.get("Access-Control-Allow-Origin")
        expect.that(allowed is None, "no Access-Control-Allow-Origin", allowed, answer)


@check("API-8", "a configured origin is allowed, in the preflight and in the response")
async def configured_origin_is_allowed(service: Service) -> None:
    origin = service.options.cors_origin
    if not origin:
        raise Skip("needs an origin that the service allows: --cors-origin")
    preflight = expect.status(await _preflight(service, origin), 200, 204)
    methods = expect.header(preflight, "Access-Control-Allow-Methods")
    expect.that("POST" in methods or "*" in methods, "POST among the methods", methods, preflight)
    headers = expect.header(preflight, "Access-Control-Allow-Headers").lower()
    expect.that(
        "idempotency-key" in headers or "*" in headers,
        "idempotency-key allowed",
        headers,
        preflight,
    )
    answer = await service.get(ORDERS, await member(service), headers={"Origin": origin})
    for one in (preflight, answer):
        allowed = expect.header(one, "Access-Control-Allow-Origin")
        expect.that(allowed == origin, f"Access-Control-Allow-Origin: {origin}", allowed, one)
    varies = expect.header(answer, "Vary").lower()
    expect.that("origin" in varies, "Vary: Origin", varies, answer)


@check("API-12", "a body over 1 KiB is compressed for clients that accept it, and only for them")
async def large_bodies_are_compressed(service: Service) -> None:
    by = await member(service)
    path = await _large(service, by)
    packed = expect.status(await service.get(path, by, headers={"Accept-Encoding": "gzip"}), 200)
    encoding = packed.headers.get("Content-Encoding")
    expect.that(encoding == "gzip", "Content-Encoding: gzip", encoding, packed)
    varies = packed.headers.get("Vary", "")
    expect.that("accept-encoding" in varies.lower(), "Vary: Accept-Encoding", repr(varies), packed)
    plain = await service.get(path, by, headers={"Accept-Encoding": "identity"})
    expect.that(
        "Content-Encoding" not in plain.headers,
        "no encoding unasked",
        plain.headers.get("Content-Encoding"),
        plain,
    )
    expect.that(
        packed.json() == plain.json(), "the same content in both encodings", "another", packed
    )


@check("API-12", "a small body is not compressed")
async def small_bodies_are_not_compressed(service: Service) -> None:
    answer = await service.get("/livez", headers={"Accept-Encoding": "gzip"})
    encoding = answer.headers.get("Content-Encoding")
    expect.that(encoding is None, f"{len(answer.body)} bytes uncompressed", encoding, answer)


@check("API-1", "HEAD answers like GET, without a body")
async def head_is_answered_as_get(service: Service) -> None:
    by = await member(service)
    order = path_of(await place(service, by))
    for path in ("/livez", ORDERS, order):
        answer = expect.status(await service.request("HEAD", path, by), 200)
        expect.that(not answer.body, "no body", f"{len(answer.body)} bytes", answer)


@check("API-1", "OPTIONS succeeds or answers 405, with Allow")
async def options_tell_the_methods(service: Service) -> None:
    by = await member(service)
    answer = expect.status(await service.request("OPTIONS", ORDERS, by), 200, 204, 405)
    expect.header(answer, "Allow")


@check("API-3", "the API is served under its version only")
async def api_is_versioned(service: Service) -> None:
    by = await member(service)
    expect.status(await service.get(ORDERS, by), 200)
    for path in ("/orders", "/api/orders", "/api/v0/orders"):
        expect.problem(await service.get(path, by), 404, "not_found")


async def _preflight(service: Service, origin: str) -> Answer:
    asked = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "idempotency-key",
    }
    return await service.request("OPTIONS", ORDERS, headers={"Origin": origin, **asked})


async def _large(service: Service, by: Account) -> str:
    lines = [line(sku=f"sku-{number:060}") for number in range(40)]
    return (await settled(service, by, note="n" * 500, lines=lines)).path
