"""Access tokens: forged ones, keys that rotate, and how long a verified one is believed."""

import asyncio
import base64
import hmac
import json
import math
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from pydantic import SecretStr
from sqlalchemy import update

from app import NAME
from app.auth.keys import KeyRing, generate_pem
from app.auth.models import LoginSession
from app.config import Settings
from app.ids import new_id
from tests import callers
from tests.auth.accounts import get_me
from tests.conftest import Start


@pytest.fixture
def token(member: AsyncClient) -> str:
    return token_of(member)


def token_of(client: AsyncClient) -> str:
    return client.headers["Authorization"].removeprefix("Bearer ")


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def key_ring(pem: str) -> KeyRing:
    return KeyRing(Settings(auth_private_key=SecretStr(pem)))


async def published_keys(client: AsyncClient) -> list[dict[str, str]]:
    keys: list[dict[str, str]] = (await client.get("/.well-known/jwks.json")).json()["keys"]
    return keys


def is_refused(answer: Response, code: str = "unauthenticated") -> bool:
    challenge = answer.headers.get("WWW-Authenticate")
    return (answer.status_code, answer.json().get("code"), challenge) == (401, code, f'Bearer error="{code}"')


def forgeries(token: str, published: dict[str, str]) -> dict[str, str]:
    """What can be made of a good token without the private key."""
    claims, kid, thief = claims_of(token), {"kid": published["kid"]}, ec.generate_private_key(ec.SECP256R1())
    header, payload, signature = token.split(".")
    public_key = jwt.PyJWK(published).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    confused = f"{_part({'alg': 'HS256', **kid})}.{payload}"
    mac = hmac.digest(public_key, confused.encode(), "sha256")
    jwk = jwt.algorithms.ECAlgorithm.to_jwk(thief.public_key(), as_dict=True)
    return {
        "unsigned": jwt.encode(claims, "", "none", headers=kid),
        "signed with the public key as a secret": f"{confused}.{_base64(mac)}",
        "signed with another key": jwt.encode(claims, thief, "ES256", headers=kid),
        "signed with a key that it brings along": jwt.encode(claims, thief, "ES256", headers={**kid, "jwk": jwk}),
        "of an unknown key": jwt.encode(claims, thief, "ES256", headers={"kid": "unknown"}),
        "of no key": jwt.encode(claims, thief, "ES256"),
        "of somebody else": f"{header}.{_part({**claims, 'sub': str(new_id())})}.{signature}",
        "without its signature": f"{header}.{payload}.",
        "no token at all": "a.b.c",
    }


async def test_no_forged_token_is_accepted(anybody: AsyncClient, token: str) -> None:
    assert (await get_me(anybody, token)).status_code == 200
    for how, forged in forgeries(token, (await published_keys(anybody))[0]).items():
        assert is_refused(await get_me(anybody, forged)), how


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": "another-service"}, "unauthenticated"),
        ({"iss": "another-issuer"}, "unauthenticated"),
        ({"exp": int(time.time()) - 1}, "token_expired"),
        ({"exp": None}, "unauthenticated"),
        ({"nbf": int(time.time()) + 600}, "unauthenticated"),
        ({"sid": None}, "unauthenticated"),
        ({"sid": 7}, "unauthenticated"),
        ({"sid": str(new_id())}, "unauthenticated"),
        ({"sub": "no uuid"}, "unauthenticated"),
        ({"sub": str(new_id())}, "unauthenticated"),
    ],
)
async def test_a_token_that_was_signed_for_something_else_is_refused(
    service: FastAPI, anybody: AsyncClient, token: str, changes: dict[str, Any], code: str
) -> None:
    claims = {name: value for name, value in (claims_of(token) | changes).items() if value is not None}
    assert is_refused(await get_me(anybody, service.state.authenticator.keys.sign(claims)), code)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YWRhOg==", "{token}", "Bearer {token} {token}"])
async def test_a_request_without_a_bearer_token_is_refused(anybody: AsyncClient, token: str, header: str) -> None:
    headers = {"Authorization": header.format(token=token)}
    assert is_refused(await anybody.get("/api/v1/users/me", headers=headers))


async def test_anybody_can_verify_a_token_by_the_published_keys(anybody: AsyncClient, token: str) -> None:
    (key,) = await published_keys(anybody)
    assert key.keys() == {"kty", "crv", "x", "y", "kid", "use", "alg"}, "and nothing private"
    assert key["kid"] == jwt.get_unverified_header(token)["kid"]
    assert jwt.decode(token, jwt.PyJWK(key).key, ["ES256"], audience=NAME, issuer=NAME)


async def test_the_newest_key_signs_and_a_retired_one_still_verifies(start: Start) -> None:
    old, new = generate_pem(), generate_pem()
    service = await start(auth_private_key=new, auth_retired_keys=old)
    member = await callers.member(service)
    assert key_ring(new).verify(token_of(member))
    assert (await get_me(member, key_ring(old).sign(claims_of(token_of(member))))).status_code == 200
    assert len(await published_keys(member)) == 2


async def test_a_key_that_was_dropped_verifies_nothing(member: AsyncClient, token: str) -> None:
    assert is_refused(await get_me(member, key_ring(generate_pem()).sign(claims_of(token))))


async def test_a_verified_token_is_believed_until_it_is_looked_up_again(start: Start) -> None:
    service = await start(auth_recheck_seconds=0.5)
    member = await callers.member(service)
    assert (await get_me(member, token_of(member))).status_code == 200
    await _revoke_elsewhere(service)
    assert (await get_me(member, token_of(member))).status_code == 200
    await asyncio.sleep(0.6)
    assert is_refused(await get_me(member, token_of(member)))


async def test_a_verified_token_expires_nevertheless(start: Start) -> None:
    service = await start(auth_recheck_seconds=60)
    member = await callers.member(service)
    expires_at = math.ceil(time.time() + 0.5)
    token = service.state.authenticator.keys.sign(claims_of(token_of(member)) | {"exp": expires_at})
    assert (await get_me(member, token)).status_code == 200
    await asyncio.sleep(expires_at - time.time() + 0.01)
    assert is_refused(await get_me(member, token), "token_expired")


async def test_verified_tokens_do_not_fill_the_memory(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.auth.provider.MOST_REMEMBERED", 1)
    service = await start(auth_recheck_seconds=60)
    clients = [await callers.member(service) for _ in range(2)]
    for client in clients:
        await get_me(client, token_of(client))
    await _revoke_elsewhere(service)
    assert [(await get_me(client, token_of(client))).status_code for client in clients] == [401, 200]


async def _revoke_elsewhere(service: FastAPI) -> None:
    async with service.state.database.transaction() as session:
        await session.execute(update(LoginSession).values(revoked_at=LoginSession.created_at))


def _part(content: dict[str, Any]) -> str:
    return _base64(json.dumps(content).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
