"""Permissions: none without a token, a member on its own orders, an admin on all."""

from __future__ import annotations

import re
import statistics
import uuid
from typing import Any

from scaffold.conformance import expect
from scaffold.conformance.accounts import (
    LOGIN,
    LOGOUT,
    ME,
    REFRESH,
    REGISTER,
    admin,
    member,
    new_email,
    new_password,
    post_credentials,
    register,
    stranger,
)
from scaffold.conformance.core import check
from scaffold.conformance.discovery import ORDERS, is_bearer, schemes_of
from scaffold.conformance.ordering import if_match, path_of, place, settled
from scaffold.conformance.service import Account, Answer, Service

USERS = "/api/v1/users"
PUBLIC = {REGISTER, LOGIN, REFRESH, LOGOUT}
PRIVATE = (
    *(
        ("GET", ORDERS),
        ("POST", ORDERS),
        ("GET", f"{ORDERS}/{{id}}"),
        ("PATCH", f"{ORDERS}/{{id}}"),
    ),
    *(("DELETE", f"{ORDERS}/{{id}}"), ("POST", f"{ORDERS}/{{id}}/cancellation")),
    *(("GET", ME), ("GET", f"{ME}/export"), ("DELETE", ME)),
    *(("GET", USERS), ("PUT", f"{USERS}/{{id}}/roles")),
)
METHODS = {"get", "post", "put", "patch", "delete"}
SECRET = re.compile(r"password|hash|secret", re.IGNORECASE)
TRIES = 3
FASTEST = 0.25
"""The part of the time for a wrong password that one for an unknown address takes at least."""


@check(
    "SEC-6", "every route but register, login, refresh and logout needs a token: 401", accounts=True
)
async def every_route_needs_a_token(service: Service) -> None:
    for method, path in sorted({*PRIVATE, *_documented(service, signed=False)}):
        answer = await _refused(service, method, path)
        scheme = expect.header(answer, "WWW-Authenticate")
        expect.that(scheme.startswith("Bearer"), "WWW-Authenticate: Bearer", scheme, answer)


@check("SEC-6", "every route that takes a signature instead of a token needs one: 401")
async def every_signed_route_needs_a_signature(service: Service) -> None:
    for method, path in sorted(_documented(service, signed=True)):
        await _refused(service, method, path)


@check("SEC-6", "every operation on the order of another member answers 404", accounts=True)
async def other_orders_are_not_found(service: Service) -> None:
    owner, other = await member(service), await stranger(service)
    order = await settled(service, owner, note="mine")
    tag = if_match(order)
    for method, path, body in (
        ("GET", order.path, None),
        ("PATCH", order.path, {"note": "theirs"}),
        ("POST", f"{order.path}/cancellation", None),
    ):
        answer = (
            await service.request(method, path, other, headers=tag)
            if body is None
            else await service.request(method, path, other, json=body, headers=tag)
        )
        expect.problem(answer, 404, "not_found")
    answer = await service.request("DELETE", order.path, other, headers=tag)
    allowed = answer.code in ("not_found", "permission_denied") and answer.status in (403, 404)
    expect.that(allowed, "404 not_found or 403 permission_denied", answer, answer)
    kept = expect.status(await service.get(order.path, owner), 200)
    expect.that(kept.body == order.body, "the order as it was", "another", kept)


@check("SEC-6", "a member lists only its own orders", accounts=True)
async def lists_have_own_orders_alone(service: Service) -> None:
    owner, other = await member(service), await stranger(service)
    reference = (await place(service, owner)).json()["reference"]
    await place(service, other)
    answer = await service.get(ORDERS, other, params={"reference": reference})
    expect.that(
        not expect.member(answer, "data", list), "none of another member's orders", "one", answer
    )
    owned = await service.get(ORDERS, owner, params={"reference": reference})
    expect.that(len(owned.json()["data"]) == 1, "the owner's order", owned.json()["data"], owned)
    twin = await place(service, other, reference=reference)
    expect.status(await service.get(path_of(twin), other), 200)


@check("SEC-6", "a member may not use the operations of an admin: 403", accounts=True)
async def members_are_no_admins(service: Service) -> None:
    by = await member(service)
    expect.problem(await service.get(USERS, by), 403, "permission_denied")
    roles = f"{USERS}/{by.id}/roles"
    answer = await service.request(
        "PUT", roles, by, json={"roles": ["admin"]}, headers={"If-Match": "*"}
    )
    expect.problem(answer, 403, "permission_denied")
    await _expect_roles(service, by, ["member"])


@check("SEC-11", "a registration cannot choose its role", accounts=True)
async def roles_cannot_be_assigned(service: Service) -> None:
    for more in ({"roles": ["admin"]},):
        answer = await register(service, new_email(), new_password(), **more)
        expect.problem(answer, 422, "validation_failed")


@check(
    "SEC-6",
    "GET /users/me returns the caller: id, e-mail, roles, no secret",
    accounts=True,
)
async def me_is_the_caller(service: Service) -> None:
    by = await member(service)
    answer = expect.status(await service.get(ME, by), 200)
    expect.that(
        expect.member(answer, "email", str) == by.email, by.email, answer.json()["email"], answer
    )
    expect.member(answer, "roles", list)
    told = [name for name in answer.json() if SECRET.search(name)]
    expect.that(not told, "no secret", told, answer)


@check("SEC-12", "GET /users/me/export returns the caller's data, without secrets", accounts=True)
async def data_can_be_exported(service: Service) -> None:
    by = await member(service)
    answer = expect.status(await service.get(f"{ME}/export", by), 200)
    answer.json()
    text = answer.body.decode()
    expect.that(by.email in text and by.id in text, "the address and the id", "neither", answer)
    told = SECRET.search(text)
    expect.that(told is None, "no secret", told and told[0], answer)


@check(
    "SEC-5",
    "an unknown address and a wrong password get the same answer, in the same time",
    accounts=True,
)
async def login_does_not_tell_who_exists(service: Service) -> None:
    by = await member(service)
    wrong, unknown = [], []
    for _ in range(TRIES):
        wrong.append(await post_credentials(service, LOGIN, by.email, new_password()))
        unknown.append(await post_credentials(service, LOGIN, new_email(), new_password()))
    told = {
        (one.status, one.code, one.json().get("title"), one.json().get("detail"))
        for one in wrong + unknown
    }
    expect.problem(wrong[0], 401, "invalid_credentials")
    expect.problem(unknown[0], 401, "invalid_credentials")
    expect.that(len(told) == 1, "the same answer for both", sorted(map(str, told)), unknown[0])
    quick = statistics.median(one.seconds for one in unknown)
    slow = statistics.median(one.seconds for one in wrong)
    took = (
        f"{quick * 1000:.0f} ms for an unknown address, {slow * 1000:.0f} ms for a wrong password"
    )
    expect.that(quick > slow * FASTEST, "the same time for both", took, unknown[0])


@check("SEC-6", "an admin lists the users and sets existing roles", accounts=True)
async def admins_manage_users(service: Service) -> None:
    by, other = await admin(service), await stranger(service)
    listed = expect.status(await service.get(USERS, by, params={"limit": "1"}), 200)
    expect.that(
        len(expect.member(listed, "data", list)) == 1,
        "one user",
        len(listed.json()["data"]),
        listed,
    )
    told = SECRET.search(listed.body.decode())
    expect.that(told is None, "no secret", told and told[0], listed)
    path = f"{USERS}/{other.id}/roles"
    answer = await service.request(
        "PUT", path, by, json={"roles": ["emperor"]}, headers={"If-Match": "*"}
    )
    expect.problem(answer, 422, "validation_failed")
    answer = await service.request(
        "PUT", path, by, json={"roles": ["member"]}, headers={"If-Match": "*"}
    )
    expect.status(answer, 200, 204)
    await _expect_roles(service, other, ["member"])


@check("SEC-6", "an admin reads and deletes any order", accounts=True)
async def admins_see_every_order(service: Service) -> None:
    by = await admin(service)
    order = await settled(service, await member(service))
    expect.status(await service.get(order.path, by), 200)
    expect.status(await service.request("DELETE", order.path, by, headers=if_match(order)), 204)
    expect.problem(await service.get(order.path, by), 404, "not_found")


async def _expect_roles(service: Service, by: Account, roles: list[str]) -> None:
    answer = await service.get(ME, by)
    got = expect.member(answer, "roles", list)
    expect.that(got == roles, f"roles {roles}", got, answer)


async def _refused(service: Service, method: str, path: str) -> Answer:
    """The answer to a request without credentials."""
    target = re.sub(r"\{[^}]*\}", str(uuid.UUID(int=7)), path)
    if method in ("GET", "DELETE"):
        answer = await service.request(method, target)
    else:
        answer = await service.request(method, target, json={})
    return expect.problem(answer, 401, "unauthenticated")


def _documented(service: Service, *, signed: bool) -> set[tuple[str, str]]:
    """The operations that are not public: those for signed requests, or all others."""
    document = service.openapi or {}
    return {
        (method.upper(), path)
        for path, methods in document.get("paths", {}).items()
        for method, operation in methods.items()
        if path.startswith("/api/") and path not in PUBLIC and method in METHODS
        if _is_signed(document, operation) == signed
    }


def _is_signed(document: dict[str, Any], operation: dict[str, Any]) -> bool:
    schemes = schemes_of(document, operation)
    return bool(schemes) and not any(map(is_bearer, schemes))
