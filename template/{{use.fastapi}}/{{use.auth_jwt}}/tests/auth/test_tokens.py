"""Access tokens: forged ones, keys that rotate, and how long a verified one is believed."""

import asyncio
import base64
import hmac
import json
import math
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from pydantic import SecretStr
from sqlalchemy import update

from app.auth.keys import KeyRing, generate_pem
from app.auth.models import LoginSession
from app.config import Settings
from app.ids import new_id
from tests import callers
from tests.auth.accounts import get_me, open_session
from tests.conftest import Start


class Forger:
    """Has a good token, and makes others of it."""

    def __init__(self, token: str, public_key: dict[str, str]) -> None:
        self.token = token
        self.header = jwt.get_unverified_header(token)
        self.claims = _claims(token)
        self.public_key = jwt.PyJWK(public_key).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.own_key = ec.generate_private_key(ec.SECP256R1())

    def unsigned(self) -> str:
        return jwt.encode(self.claims, "", "none", headers={"kid": self.header["kid"]})

    def signed_with_the_public_key_as_secret(self) -> str:
        signed = f"{_part({**self.header, 'alg': 'HS256'})}.{_part(self.claims)}"
        return f"{signed}.{_base64(hmac.digest(self.public_key, signed.encode(), 'sha256'))}"

    def signed_with_another_key(self) -> str:
        return jwt.encode(self.claims, self.own_key, "ES256", headers={"kid": self.header["kid"]})

    def signed_with_a_key_that_it_brings_along(self) -> str:
        jwk = jwt.algorithms.ECAlgorithm.to_jwk(self.own_key.public_key(), as_dict=True)
        return jwt.encode(self.claims, self.own_key, "ES256", headers={"kid": self.header["kid"], "jwk": jwk})

    def of_an_unknown_key(self) -> str:
        return jwt.encode(self.claims, self.own_key, "ES256", headers={"kid": "unknown"})

    def of_no_key(self) -> str:
        return jwt.encode(self.claims, self.own_key, "ES256")

    def of_somebody_else(self) -> str:
        header, _, signature = self.token.split(".")
        return f"{header}.{_part({**self.claims, 'sub': str(new_id())})}.{signature}"

    def without_signature(self) -> str:
        return self.token.rpartition(".")[0] + "."

    def cut_short(self) -> str:
        return self.token[:-4]

    def not_a_token(self) -> str:
        return "a.b.c"


FORGERIES = [forgery for name, forgery in vars(Forger).items() if not name.startswith("_")]


@pytest.fixture
async def token(anybody: AsyncClient) -> str:
    token: str = (await open_session(anybody))["access_token"]
    return token


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
async def test_a_forged_token_is_refused(anybody: AsyncClient, token: str, forge: Callable[[Forger], str]) -> None:
    forged = forge(Forger(token, (await _public_keys(anybody))[0]))
    assert forged != token
    _assert_refused(await get_me(anybody, forged), "unauthenticated")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"aud": "another-service"}, "unauthenticated"),
        ({"iss": "another-issuer"}, "unauthenticated"),
        ({"exp": int(time.time()) - 1}, "token_expired"),
        ({"nbf": int(time.time()) + 600}, "unauthenticated"),
        ({"exp": None}, "unauthenticated"),
        ({"sid": None}, "unauthenticated"),
        ({"sid": "no uuid"}, "unauthenticated"),
        ({"sid": 7}, "unauthenticated"),
        ({"sub": "no uuid"}, "unauthenticated"),
        ({"sub": str(new_id())}, "unauthenticated"),
        ({"sid": str(new_id())}, "unauthenticated"),
    ],
)
async def test_a_token_that_we_signed_for_another_purpose_is_refused(
    service: FastAPI, anybody: AsyncClient, token: str, changes: dict[str, Any], code: str
) -> None:
    forged = _sign(service.state.authenticator.keys, _claims(token) | changes)
    _assert_refused(await get_me(anybody, forged), code)


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic YWRhOg==", "{token}", "Bearer {token} {token}"])
async def test_a_request_without_a_bearer_token_is_refused(anybody: AsyncClient, token: str, header: str) -> None:
    headers = {"Authorization": header.format(token=token)}
    _assert_refused(await anybody.get("/api/v1/users/me", headers=headers), "unauthenticated")


async def test_anybody_can_verify_a_token_by_the_published_keys(anybody: AsyncClient, token: str) -> None:
    (key,) = await _public_keys(anybody)
    assert key["kid"] == jwt.get_unverified_header(token)["kid"]
    assert jwt.decode(token, jwt.PyJWK(key).key, ["ES256"], audience="shop", issuer="shop")


async def test_published_keys_are_public_and_may_be_cached(anybody: AsyncClient) -> None:
    answer = await anybody.get("/.well-known/jwks.json")
    assert answer.headers["Cache-Control"] == "public, max-age=300"
    assert [key.keys() for key in answer.json()["keys"]] == [{"kty", "crv", "x", "y", "kid", "use", "alg"}]


async def test_tokens_of_a_retired_key_are_still_good(start: Start) -> None:
    old = generate_pem()
    client = callers.anybody(await start(auth_private_key=generate_pem(), auth_retired_keys=old))
    token = _sign(_key_ring(old), _claims((await open_session(client))["access_token"]))
    assert (await get_me(client, token)).status_code == 200


async def test_tokens_of_a_dropped_key_are_refused(start: Start) -> None:
    client = callers.anybody(await start(auth_private_key=generate_pem()))
    token = _sign(_key_ring(generate_pem()), _claims((await open_session(client))["access_token"]))
    _assert_refused(await get_me(client, token), "unauthenticated")


async def test_the_newest_key_signs_and_all_are_published(start: Start) -> None:
    old, new = generate_pem(), generate_pem()
    client = callers.anybody(await start(auth_private_key=new, auth_retired_keys=old))
    token = (await open_session(client))["access_token"]
    published = [key["kid"] for key in await _public_keys(client)]
    assert len(published) == 2
    assert jwt.get_unverified_header(token)["kid"] == published[0]
    assert _key_ring(new).verify(token)


async def test_a_verified_token_is_believed_without_a_look_at_the_database(start: Start) -> None:
    service = await start(auth_recheck_seconds=60)
    client = callers.anybody(service)
    token = (await open_session(client))["access_token"]
    await get_me(client, token)
    await _revoke_elsewhere(service)
    assert (await get_me(client, token)).status_code == 200


async def test_a_session_revoked_elsewhere_is_noticed_after_the_recheck_time(start: Start) -> None:
    service = await start(auth_recheck_seconds=0.1)
    client = callers.anybody(service)
    token = (await open_session(client))["access_token"]
    assert (await get_me(client, token)).status_code == 200
    await _revoke_elsewhere(service)
    await asyncio.sleep(0.2)
    _assert_refused(await get_me(client, token), "unauthenticated")


async def test_a_verified_token_expires_nevertheless(start: Start) -> None:
    service = await start(auth_recheck_seconds=60)
    client = callers.anybody(service)
    expires_at = math.ceil(time.time() + 0.5)
    claims = _claims((await open_session(client))["access_token"]) | {"exp": expires_at}
    token = _sign(service.state.authenticator.keys, claims)
    assert (await get_me(client, token)).status_code == 200
    await asyncio.sleep(expires_at - time.time() + 0.01)
    _assert_refused(await get_me(client, token), "token_expired")


async def test_verified_tokens_do_not_fill_the_memory(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.auth.provider.MOST_REMEMBERED", 1)
    service = await start(auth_recheck_seconds=60)
    client = callers.anybody(service)
    first = (await open_session(client))["access_token"]
    second = _sign(service.state.authenticator.keys, _claims(first) | {"jti": "second"})
    for token in (first, second):
        await get_me(client, token)
    await _revoke_elsewhere(service)
    assert [(await get_me(client, token)).status_code for token in (first, second)] == [401, 200]


def _assert_refused(answer: Response, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (401, code)
    assert answer.headers["WWW-Authenticate"] == f'Bearer error="{code}"'


async def _public_keys(client: AsyncClient) -> list[dict[str, str]]:
    keys: list[dict[str, str]] = (await client.get("/.well-known/jwks.json")).json()["keys"]
    return keys


async def _revoke_elsewhere(service: FastAPI) -> None:
    async with service.state.database.transaction() as session:
        await session.execute(update(LoginSession).values(revoked_at=LoginSession.created_at))


def _claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def _sign(keys: KeyRing, claims: dict[str, Any]) -> str:
    return keys.sign({name: value for name, value in claims.items() if value is not None})


def _key_ring(pem: str) -> KeyRing:
    return KeyRing(Settings(auth_private_key=SecretStr(pem)))


def _part(content: dict[str, Any]) -> str:
    return _base64(json.dumps(content).encode())


def _base64(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
