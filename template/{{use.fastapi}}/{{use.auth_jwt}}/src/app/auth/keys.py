"""The keys that sign access tokens. They are rotated by configuration; each is known by its thumbprint."""

import base64
import hashlib
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import ECAlgorithm

from app.config import Settings
from app.config.auth import split_pems

ALGORITHM = "ES256"


class KeyRing:
    """The key that signs, and every key that verifies."""

    def __init__(self, settings: Settings) -> None:
        pems = split_pems(settings.auth_private_key.get_secret_value())
        retired = split_pems(settings.auth_retired_keys.get_secret_value())
        signing = _load(pems[0]) if pems else _development_key()
        keys = [signing, *(_load(pem) for pem in retired)]
        self._signing_key = signing
        self._public_keys = {_thumbprint(key): key.public_key() for key in keys}
        self._issuer = settings.auth_issuer
        self._audience = settings.auth_audience

    def sign(self, claims: dict[str, Any]) -> str:
        """A token with these claims, the issuer and the audience."""
        return jwt.encode(
            {"iss": self._issuer, "aud": self._audience, **claims},
            self._signing_key,
            ALGORITHM,
            headers={"kid": _thumbprint(self._signing_key)},
        )

    def verify(self, token: str) -> dict[str, Any]:
        """The claims of a token.

        Raises:
            jwt.ExpiredSignatureError: it was good once.
            jwt.InvalidTokenError: it is not one of ours, or not for us.
        """
        key = self._public_keys.get(jwt.get_unverified_header(token).get("kid", ""))
        if key is None:
            raise jwt.InvalidTokenError("unknown key")
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            issuer=self._issuer,
            audience=self._audience,
            options={"require": ["exp", "iat", "sub", "sid"]},
        )
        return claims

    def public_keys(self) -> dict[str, list[dict[str, str]]]:
        """The JSON Web Key Set (RFC 7517)."""
        return {
            "keys": [
                {**_public_jwk(key), "kid": kid, "use": "sig", "alg": ALGORITHM}
                for kid, key in self._public_keys.items()
            ]
        }


def generate_pem() -> str:
    """A new private key."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _development_key() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(b"for development only"), ec.SECP256R1())


def _load(pem: str) -> ec.EllipticCurvePrivateKey:
    key = load_pem_private_key(pem.encode(), password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey), "the settings let nothing else pass"
    return key


def _thumbprint(key: ec.EllipticCurvePrivateKey) -> str:
    """RFC 7638"""
    jwk = _public_jwk(key.public_key())
    digest = hashlib.sha256(orjson.dumps(jwk, option=orjson.OPT_SORT_KEYS)).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _public_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    jwk = ECAlgorithm.to_jwk(key, as_dict=True)
    return {name: jwk[name] for name in ("crv", "kty", "x", "y")}
