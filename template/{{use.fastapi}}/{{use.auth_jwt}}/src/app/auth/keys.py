"""The keys that sign access tokens. They are rotated by configuration; each is known by its thumbprint."""

import hashlib
from typing import Any

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm
from jwt.utils import base64url_encode

from app.config import Settings

ALGORITHM = "ES256"


class KeyRing:
    """The key that signs, and every key that verifies. `public_keys` are those, as JSON Web Keys (RFC 7517)."""

    def __init__(self, settings: Settings) -> None:
        keys = [*(settings.auth_private_key or [_development_key()]), *settings.auth_retired_keys]
        self.public_keys = [_public_jwk(key) for key in keys]
        self._signing_key = keys[0]
        self._verifying_keys = {jwk["kid"]: jwt.PyJWK(jwk) for jwk in self.public_keys}
        self._issuer = settings.auth_issuer
        self._audience = settings.auth_audience

    def sign(self, claims: dict[str, Any]) -> str:
        """A token with these claims, the issuer and the audience."""
        claims = {"iss": self._issuer, "aud": self._audience, **claims}
        return jwt.encode(claims, self._signing_key, ALGORITHM, headers={"kid": self.public_keys[0]["kid"]})

    def verify(self, token: str) -> dict[str, Any]:
        """The claims of a token. Raises jwt.ExpiredSignatureError or, when it never was good, jwt.InvalidTokenError."""
        key = self._verifying_keys.get(jwt.get_unverified_header(token).get("kid", ""))
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


def generate_pem() -> str:
    """A new private key."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def _development_key() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(b"for development only"), ec.SECP256R1())


def _public_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    jwk = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    public = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    # Named by its thumbprint (RFC 7638), which is that of the required members in this order.
    kid = base64url_encode(hashlib.sha256(orjson.dumps(public)).digest()).decode()
    return {**public, "kid": kid, "use": "sig", "alg": ALGORITHM}
