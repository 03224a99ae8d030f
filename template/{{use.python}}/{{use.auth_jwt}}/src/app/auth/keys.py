"""The keys that sign and verify access tokens. Keys are rotated by configuration."""

import hashlib
from typing import Any

import click
import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import ECAlgorithm
from jwt.utils import base64url_encode

from app.config import Settings

ALGORITHM = "ES256"


class KeyRing:
    """The key that signs tokens, and the keys that verify them.

    `public_keys` are the verifying keys as JSON Web Keys (RFC 7517). The first one belongs to the signing key.
    """

    def __init__(self, settings: Settings) -> None:
        self._signing_key = settings.auth_private_key or _development_key()
        self.public_keys = [_public_jwk(key) for key in (self._signing_key.public_key(), *settings.auth_retired_keys)]
        self._verifying_keys = {jwk["kid"]: jwt.PyJWK(jwk) for jwk in self.public_keys}
        self._issuer = settings.auth_issuer
        self._audience = settings.auth_audience

    def sign(self, claims: dict[str, Any]) -> str:
        """A token with these claims, plus the issuer and the audience."""
        claims = {"iss": self._issuer, "aud": self._audience, **claims}
        return jwt.encode(claims, self._signing_key, ALGORITHM, headers={"kid": self.public_keys[0]["kid"]})

    def verify(self, token: str) -> dict[str, Any]:
        """The claims of a token.

        Raises:
            jwt.ExpiredSignatureError: the token has expired.
            jwt.InvalidTokenError: the token is not valid.
        """
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


@click.command()
def generate_key() -> None:
    """Print a new private key for AUTH_PRIVATE_KEY."""
    click.echo(generate_pem(), nl=False)


commands = (generate_key,)


def _development_key() -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(int.from_bytes(b"for development only"), ec.SECP256R1())


def _public_jwk(key: ec.EllipticCurvePublicKey) -> dict[str, str]:
    jwk = ECAlgorithm.to_jwk(key, as_dict=True)
    public = {name: jwk[name] for name in ("crv", "kty", "x", "y")}
    # The key id is the thumbprint (RFC 7638): a hash of the required members in this order.
    kid = base64url_encode(hashlib.sha256(orjson.dumps(public)).digest()).decode()
    return {**public, "kid": kid, "use": "sig", "alg": ALGORITHM}
