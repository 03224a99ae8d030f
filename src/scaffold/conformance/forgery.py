"""Tokens that a service must refuse, derived from one that it has issued."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from jwt.algorithms import get_default_algorithms

PRIVATE_PARTS = {"d", "p", "q", "dp", "dq", "qi", "k"}

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def forged(token: str, key: dict[str, Any]) -> dict[str, str]:
    """Forged versions of `token` by what is wrong with each; `key` is its public JWK."""
    header, claims = jwt.get_unverified_header(token), claims_of(token)
    head, payload, signature = token.split(".")
    pem = _pem(key)
    ours = new_key(header["alg"])
    own_jwk = json.loads(get_default_algorithms()[header["alg"]].to_jwk(ours.public_key()))
    admin = claims | {"roles": ["admin"], "role": "admin", "scope": "admin"}
    return {
        "alg none": _unsigned({**header, "alg": "none"}, claims),
        "alg None, signature kept": f"{_encoded({**header, 'alg': 'None'})}.{payload}.{signature}",
        "the public key as an HMAC secret": _by_hmac({**header, "alg": "HS256"}, claims, pem),
        "an empty HMAC secret": _by_hmac({**header, "alg": "HS256"}, claims, b""),
        "another key under the same kid": jwt.encode(claims, ours, header["alg"], headers=header),
        "an unknown kid": jwt.encode(
            claims, ours, header["alg"], headers=header | {"kid": "unknown"}
        ),
        "a kid that is a path": jwt.encode(
            claims, ours, header["alg"], headers={"kid": "../../../dev/null"}
        ),
        "its own key in the header": jwt.encode(
            claims, ours, header["alg"], headers=header | {"jwk": own_jwk}
        ),
        "claims changed": f"{head}.{_encoded(admin)}.{signature}",
        "signature changed": f"{head}.{payload}.{_flipped(signature)}",
        "signature cut off": f"{head}.{payload}.",
        "two parts": f"{head}.{payload}",
        "no token": "nonsense",
    }


def misissued(token: str, pem: str) -> dict[str, str]:
    """Tokens signed with the key of the service, by what is wrong: time, audience or issuer."""
    header, claims = jwt.get_unverified_header(token), claims_of(token)
    now = int(time.time())
    false: dict[str, dict[str, Any]] = {
        "expired": {"iat": now - 7200, "nbf": now - 7200, "exp": now - 3600},
        "another audience": {"aud": "another"},
        "another issuer": {"iss": "another"},
        "not yet valid": {"nbf": now + 3600, "iat": now + 3600, "exp": now + 7200},
        "without end": {"exp": None},
        "without audience": {"aud": None},
    }
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    made = {}
    for name, changes in false.items():
        kept = {claim: value for claim, value in (claims | changes).items() if value is not None}
        made[name] = jwt.encode(kept, key, header["alg"], headers=header)  # type: ignore[arg-type]  # EC or Ed25519
    return made


def claims_of(token: str) -> dict[str, Any]:
    """The claims of a token, unverified."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


def new_key(algorithm: str) -> PrivateKey:
    """A new private key for `algorithm`: Ed25519 for EdDSA, else P-256."""
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return ec.generate_private_key(ec.SECP256R1())


def public_key(key: dict[str, Any]) -> jwt.PyJWK:
    """The public key of a JWK."""
    return jwt.PyJWK({name: part for name, part in key.items() if name not in PRIVATE_PARTS})


def _pem(key: dict[str, Any]) -> bytes:
    public = public_key(key).key
    pem: bytes = public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return pem


def _by_hmac(header: dict[str, Any], claims: dict[str, Any], secret: bytes) -> str:
    # By hand: a good library refuses to make this token.
    signed = f"{_encoded(header)}.{_encoded(claims)}"
    return f"{signed}.{_base64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def _unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    return f"{_encoded(header)}.{_encoded(claims)}."


def _encoded(part: dict[str, Any]) -> str:
    return _base64(json.dumps(part, separators=(",", ":")).encode())


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _flipped(signature: str) -> str:
    # In the middle, for the last character may hold bits that count for nothing.
    middle = len(signature) // 2
    other = "A" if signature[middle] != "A" else "B"
    return signature[:middle] + other + signature[middle + 1 :]
