"""Which access tokens are accepted, and for how long."""

import asyncio
import hmac
import json
import math
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from jwt.utils import base64url_encode

from app import NAME
from app.auth.keys import KeyRing, generate_pem
from app.auth.sessions import repository
from app.config import Settings
from tests import callers
from tests.callers import get_me
from tests.conftest import Start

OTHER = str(UUID(int=7))


def token_of(client: AsyncClient) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")


def claims_of(client: AsyncClient) -> dict[str, Any]:
    return jwt.decode(token_of(client), options={"verify_signature": False})


def public_pem_of(pem: str) -> str:
    key = load_pem_private_key(pem.encode(), password=None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def is_refused(answer: Response, code: str = "unauthenticated") -> bool:
    challenge = answer.headers.get("WWW-Authenticate")
    return (answer.status_code, answer.json().get("code"), challenge) == (401, code, 'Bearer error="invalid_token"')


async def test_no_forged_token_is_accepted(member: AsyncClient) -> None:
    (jwk,) = (await member.get("/.well-known/jwks.json")).json()["keys"]
    claims = claims_of(member)
    kid = {"kid": jwk["kid"]}
    attacker_key = ec.generate_private_key(ec.SECP256R1())
    header, payload, signature = token_of(member).split(".")
    public_pem = jwt.PyJWK(jwk).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    # Algorithm confusion: the public key is used as the secret of HS256.
    confused = f"{_part({'alg': 'HS256', **kid})}.{payload}"
    mac = base64url_encode(hmac.digest(public_pem, confused.encode(), "sha256")).decode()
    forgeries = {
        "unsigned": jwt.encode(claims, "", "none", headers=kid),
        "signed with the public key": f"{confused}.{mac}",
        "signed with another key": jwt.encode(claims, attacker_key, "ES256", headers=kid),
        "signed with an unknown key": jwt.encode(claims, attacker_key, "ES256", headers={"kid": "unknown"}),
        "of somebody else": f"{header}.{_part({**claims, 'sub': OTHER})}.{signature}",
        "without its signature": f"{header}.{payload}.",
        "no token at all": "a.b.c",
    }
    assert (await get_me(member, token_of(member))).status_code == 200
    for how, forged in forgeries.items():
        assert is_refused(await get_me(member, forged)), how


@pytest.mark.parametrize(
    ("claim", "value"),
    [("aud", "other"), ("iss", "other"), ("exp", 1), ("exp", ...), ("sid", 7), ("sid", OTHER), ("sub", OTHER)],
)
async def test_a_signed_token_with_wrong_claims_is_refused(
    service: FastAPI, member: AsyncClient, claim: str, value: object
) -> None:
    claims = claims_of(member) | {claim: value}
    if value is ...:
        del claims[claim]
    answer = await get_me(member, service.state.authenticator.keys.sign(claims))
    assert is_refused(answer, "token_expired" if value == 1 else "unauthenticated")


async def test_tokens_of_the_current_and_of_retired_keys_are_accepted_and_of_dropped_keys_refused(start: Start) -> None:
    new, retired, dropped = (generate_pem() for _ in range(3))
    public = public_pem_of(retired)
    member = await callers.member(await start(auth_private_key=new.replace("\n", "\\n"), auth_retired_keys=public))
    rings = [KeyRing(Settings(auth_private_key=pem)) for pem in (new, retired, dropped)]
    answers = [await get_me(member, ring.sign(claims_of(member))) for ring in rings]
    assert [answer.status_code for answer in answers] == [200, 200, 401]
    published = (await member.get("/.well-known/jwks.json")).json()["keys"]
    assert [key.keys() for key in published] == [{"kty", "crv", "x", "y", "kid", "use", "alg"}] * 2, "nothing private"
    assert published[0]["kid"] == jwt.get_unverified_header(token_of(member))["kid"]
    assert jwt.decode(token_of(member), jwt.PyJWK(published[0]).key, ["ES256"], audience=NAME, issuer=NAME)


async def test_a_cached_token_is_accepted_until_it_expires_or_its_session_is_rechecked(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await start(auth_recheck_seconds=60)
    gone, member = [await callers.member(service) for _ in range(2)]
    expires_at = math.ceil(time.time() + 0.5)
    brief = service.state.authenticator.keys.sign(claims_of(gone) | {"exp": expires_at})
    tokens = (brief, token_of(gone), token_of(member))
    assert [(await get_me(member, token)).status_code for token in tokens] == [200, 200, 200]
    async with service.state.database.transaction() as session:
        await repository.revoke(session, UUID(claims_of(gone)["sid"]))
    await asyncio.sleep(expires_at - time.time() + 0.01)
    assert is_refused(await get_me(member, brief), "token_expired")
    assert (await get_me(member, token_of(gone))).status_code == 200
    monkeypatch.setattr("app.auth.provider.time", Mock(time=time.time, monotonic=lambda: time.monotonic() + 61))
    answers = await asyncio.gather(*(get_me(member, token) for token in tokens * 2))
    assert [answer.status_code for answer in answers] == [401, 401, 200] * 2


async def test_no_token_is_accepted_while_its_session_cannot_be_looked_up(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = await start(auth_recheck_seconds=0)
    member = await callers.member(service)
    assert (await get_me(member, token_of(member))).status_code == 200
    with monkeypatch.context() as outage:
        outage.setattr(service.state.authenticator, "_find", Mock(side_effect=OSError("gone")))
        for _ in range(2):
            assert (await get_me(member, token_of(member))).json()["code"] == "unavailable"
    assert (await get_me(member, token_of(member))).status_code == 200


async def test_an_access_token_does_not_outlive_its_session(start: Start, pass_time: Callable[[float], None]) -> None:
    member = await callers.member(await start(auth_recheck_seconds=0))
    assert (await get_me(member, token_of(member))).status_code == 200

    pass_time(24 * 3600)

    assert is_refused(await get_me(member, token_of(member)))


async def test_a_wrong_password_does_not_make_the_token_invalid(anybody: AsyncClient) -> None:
    tokens = await callers.ada(anybody)
    anybody.headers["Authorization"] = f"Bearer {tokens['access_token']}"
    change = {"current_password": "a wrong password", "new_password": "battery horse correct"}

    answer = await anybody.put("/api/v1/users/me/password", json=change)

    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def _part(content: dict[str, Any]) -> str:
    return base64url_encode(json.dumps(content).encode()).decode()
