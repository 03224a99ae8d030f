"""Tokens: login, refused tokens, refresh and logout."""

from __future__ import annotations

import base64
from typing import Any

import jwt

from scaffold.conformance import expect
from scaffold.conformance.accounts import (
    LOGIN,
    LOGOUT,
    ME,
    login,
    member,
    post_credentials,
    refresh,
    with_tokens,
)
from scaffold.conformance.core import check
from scaffold.conformance.discovery import ORDERS
from scaffold.conformance.forgery import PRIVATE_PARTS, forged, misissued, public_key
from scaffold.conformance.service import Account, Service
from scaffold.conformance.verdicts import Failure, Skip

JWKS = "/.well-known/jwks.json"
ASYMMETRIC = ("ES256", "EdDSA", "RS256", "PS256", "ES384", "ES512")
LONGEST_ACCESS = 15 * 60


@check("SEC-1", "login returns an access and a refresh token with their lifetime", accounts=True)
async def login_gives_tokens(service: Service) -> None:
    by = await member(service)
    answer = expect.status(await post_credentials(service, LOGIN, by.email, by.password), 200)
    with_tokens(by, answer)
    kind, life = expect.member(answer, "token_type", str), expect.member(answer, "expires_in", int)
    expect.that(kind == "Bearer", "token_type Bearer", kind, answer)
    expect.that(0 < life <= LONGEST_ACCESS, f"at most {LONGEST_ACCESS} s of access", life, answer)


@check("SEC-1", "the JWKS has public keys only", accounts=True)
async def public_keys_are_published(service: Service) -> None:
    answer = expect.status(await service.get(JWKS), 200)
    keys = expect.member(answer, "keys", list)
    expect.that(bool(keys), "a key", "none", answer)
    for key in keys:
        complete = {"kty", "kid"} <= set(key) and key["kty"] != "oct"
        expect.that(complete, "an asymmetric key with kty and kid", sorted(key), answer)
        told = sorted(PRIVATE_PARTS & set(key))
        expect.that(not told, "no private part", told, answer)


@check(
    "SEC-1",
    "an access token is signed by a published key, for this service and 15 minutes",
    accounts=True,
)
async def tokens_are_signed_by_a_published_key(service: Service) -> None:
    by = await member(service)
    header, key = jwt.get_unverified_header(by.access), await _key_of(service, by)
    expect.that(header["alg"] in ASYMMETRIC, "an asymmetric algorithm", header["alg"])
    try:
        claims: dict[str, Any] = jwt.decode(
            by.access, public_key(key), algorithms=[header["alg"]], options={"verify_aud": False}
        )
    except jwt.PyJWTError as error:
        raise Failure("a token that the published key verifies", str(error), JWKS) from None
    missing = {"iss", "aud", "sub", "iat", "exp"} - set(claims)
    expect.that(
        not missing, "the claims iss, aud, sub, iat and exp", f"no {', '.join(sorted(missing))}"
    )
    life = claims["exp"] - claims["iat"]
    expect.that(0 < life <= LONGEST_ACCESS, f"at most {LONGEST_ACCESS} s of access", life)


@check(
    "SEC-1",
    "a forged token is refused: no algorithm, another key, changed, cut, made up",
    accounts=True,
)
async def forged_tokens_are_refused(service: Service) -> None:
    by = await member(service)
    # The genuine one first, so that a cache of verified tokens has it when the forgeries come.
    expect.status(await service.get(ME, by), 200)
    for what, token in forged(by.access, await _key_of(service, by)).items():
        await _expect_refused(service, what, token)


@check(
    "SEC-1", "a token of the right key is refused when expired or meant for others", accounts=True
)
async def misissued_tokens_are_refused(service: Service) -> None:
    pem = service.options.signing_key
    if not pem:
        raise Skip("needs the key that the service signs with: --signing-key")
    by = await member(service)
    for what, token in misissued(by.access, pem).items():
        await _expect_refused(
            service, what, token, "token_expired" if what == "expired" else "unauthenticated"
        )


@check("SEC-1", "a token is accepted only as Bearer in the Authorization header", accounts=True)
async def tokens_count_in_their_place_alone(service: Service) -> None:
    by = await member(service)
    basic = base64.b64encode(f"{by.email}:{by.password}".encode()).decode()
    for headers, params in (
        ({"Authorization": f"Basic {basic}"}, {}),
        ({"Authorization": by.access}, {}),
        ({"Authorization": "Bearer"}, {}),
        ({"Cookie": f"access_token={by.access}"}, {}),
        ({}, {"access_token": by.access}),
    ):
        answer = await service.get(ORDERS, headers=headers, params=params)
        expect.problem(answer, 401, "unauthenticated")


@check("SEC-1", "an access and a refresh token cannot replace each other", accounts=True)
async def token_kinds_are_apart(service: Service) -> None:
    by = await member(service)
    await _expect_refused(service, "a refresh token", by.refresh)
    answer = await refresh(service, by.access)
    # Where refresh tokens have a form of their own, an access token does not even have that.
    refused = (answer.status, answer.code) == (422, "validation_failed")
    if not refused:
        expect.problem(answer, 401)


@check("SEC-1", "a refresh rotates the token; a reused one revokes its family", accounts=True)
async def reused_refresh_tokens_revoke_their_family(service: Service) -> None:
    session = await login(service, await member(service))
    answer = expect.status(await refresh(service, session.refresh), 200)
    rotated = with_tokens(session, answer)
    expect.that(rotated.refresh != session.refresh, "a new refresh token", "the same", answer)
    expect.status(await service.get(ME, rotated), 200)
    expect.problem(await refresh(service, session.refresh), 401)
    expect.problem(await refresh(service, rotated.refresh), 401)


@check("SEC-1", "after logout the refresh token is refused", accounts=True)
async def logout_ends_the_session(service: Service) -> None:
    session = await login(service, await member(service))
    expect.status(await service.post(LOGOUT, session, json={"refresh_token": session.refresh}), 204)
    expect.problem(await refresh(service, session.refresh), 401)


async def _expect_refused(
    service: Service, what: str, token: str, code: str = "unauthenticated"
) -> None:
    answer = await service.get(ME, Account(access=token))
    expect.that(
        (answer.status, answer.code) == (401, code), f"401 {code} for {what}", answer, answer
    )


async def _key_of(service: Service, by: Account) -> dict[str, Any]:
    answer = expect.status(await service.get(JWKS), 200)
    kid = jwt.get_unverified_header(by.access).get("kid")
    for key in expect.member(answer, "keys", list):
        if key.get("kid") == kid:
            found: dict[str, Any] = key
            return found
    raise Failure("the key that the token names, published", f"no kid {kid!r}", answer.line)
