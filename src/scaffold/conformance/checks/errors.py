"""Errors outside of resources."""

from __future__ import annotations

import secrets
import uuid

from scaffold.conformance import expect
from scaffold.conformance.accounts import member
from scaffold.conformance.core import check
from scaffold.conformance.discovery import ORDERS
from scaffold.conformance.service import Service

CODES = (
    *("malformed_json", "invalid_cursor", "invalid_parameter"),
    *("unauthenticated", "token_expired", "invalid_credentials"),
    *("permission_denied", "not_found", "method_not_allowed"),
    *("conflict", "invalid_state", "idempotency_in_progress"),
    *("precondition_failed", "precondition_required"),
    *("payload_too_large", "unsupported_media_type"),
    *("validation_failed", "idempotency_key_reused"),
    *("rate_limited", "internal_error", "unavailable", "overloaded"),
)
NEEDS_ACCOUNTS = {"unauthenticated", "token_expired", "invalid_credentials", "permission_denied"}


@check("API-1", "an unknown path answers 404 not_found")
async def unknown_paths_are_not_found(service: Service) -> None:
    by = await member(service)
    for path in ("/nowhere", "/api/v1/nowhere", f"/{secrets.token_hex(8)}/a/b"):
        expect.problem(await service.get(path, by), 404, "not_found")


@check("API-1", "an order that does not exist answers 404 not_found")
async def unknown_orders_are_not_found(service: Service) -> None:
    by = await member(service)
    expect.problem(await service.get(f"{ORDERS}/{_absent_id()}", by), 404, "not_found")
    answer = await service.get(f"{ORDERS}/no-id", by)
    expect.that(
        answer.status in (400, 404, 422) and answer.code is not None,
        "404 as a problem",
        answer,
        answer,
    )


@check("API-1", "a method that a path does not support answers 405 with Allow")
async def unknown_methods_are_told_the_known(service: Service) -> None:
    by = await member(service)
    for method, path, known in (
        ("PUT", ORDERS, {"GET", "POST"}),
        ("POST", f"{ORDERS}/{_absent_id()}", {"GET", "PATCH", "DELETE"}),
        ("DELETE", "/livez", {"GET"}),
    ):
        answer = expect.problem(await service.request(method, path, by), 405, "method_not_allowed")
        allow = {name.strip() for name in expect.header(answer, "Allow").split(",")}
        expect.that(known <= allow, f"Allow with {', '.join(sorted(known))}", sorted(allow), answer)


@check("API-5", "GET /problems/{code} documents every code and no other")
async def problems_are_documented(service: Service) -> None:
    unused = NEEDS_ACCOUNTS if service.auth == "none" else set()
    for code in CODES:
        if code not in unused:
            answer = expect.status(await service.get(f"/problems/{code}"), 200)
            expect.that(code.encode() in answer.body, f"a page about {code}", "another", answer)
    expect.problem(await service.get("/problems/no_such_code"), 404, "not_found")


def _absent_id() -> str:
    return str(uuid.UUID(int=(0x0192_0000_0000_7000 << 64) | (0b10 << 62) | secrets.randbits(62)))
