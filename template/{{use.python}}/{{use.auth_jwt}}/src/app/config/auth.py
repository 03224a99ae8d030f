"""Settings of authentication."""

import re
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey as PrivateKey
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey as PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, ValidationInfo
from pydantic_settings import NoDecode

from app import NAME
from app.config.service import Rate, ServiceSettings

_PEM = re.compile(r"-----BEGIN [A-Z ]+-----.+?-----END [A-Z ]+-----", re.DOTALL)


def _private_key(pem: object) -> object:
    if not isinstance(pem, str):
        return pem
    keys = _keys(pem)
    if len(keys) != 1 or not isinstance(keys[0], PrivateKey):
        raise ValueError("must be one private key in PEM form")
    return keys[0]


def _public_keys(pems: object) -> object:
    if not isinstance(pems, str):
        return pems
    return tuple(key.public_key() if isinstance(key, PrivateKey) else key for key in _keys(pems))


def _keys(pems: str) -> list[PrivateKey | PublicKey]:
    # Environment files write line breaks as \n.
    blocks = _PEM.findall(pems.replace("\\n", "\n"))
    if not blocks:
        raise ValueError("must be in PEM form")
    return [_load(block.encode()) for block in blocks]


def _load(pem: bytes) -> PrivateKey | PublicKey:
    try:
        key = load_pem_public_key(pem) if b"PUBLIC" in pem else load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise ValueError("must not be encrypted") from error
    if not isinstance(key, PrivateKey | PublicKey) or key.curve.name != "secp256r1":
        raise ValueError("must be a P-256 key")
    return key


def _set_in_production(key: PrivateKey | None, info: ValidationInfo) -> PrivateKey | None:
    if key is None and info.data.get("app_env") == "production":
        raise ValueError("must be set in production; `python -m app.cli generate-key` prints a new key")
    return key


class AuthSettings(ServiceSettings):
    auth_private_key: Annotated[
        InstanceOf[PrivateKey] | None, NoDecode, BeforeValidator(_private_key), AfterValidator(_set_in_production)
    ] = None
    """PEM of the P-256 key that signs access tokens. Unset: a key that everybody knows, for development only."""
    auth_retired_keys: Annotated[tuple[InstanceOf[PublicKey], ...], NoDecode, BeforeValidator(_public_keys)] = ()
    """PEMs of further public keys whose tokens are accepted. If one is a private key, its public key is used."""
    auth_issuer: str = NAME
    auth_audience: str = NAME
    auth_access_ttl_seconds: int = Field(default=900, ge=1)
    auth_refresh_ttl_seconds: int = Field(default=604_800, ge=1)
    auth_recheck_seconds: float = Field(default=5, ge=0)
    """How long a verified token is trusted before its session and roles are looked up again."""
    auth_registration: Literal["open", "closed"] | None = None
    """Unset: closed in production."""
    auth_rate_limit: Rate = "20/minute"
    """Logins, registrations, refreshes and password changes: the limit of each, per client address."""
    auth_lockout_failures: int = Field(default=10, ge=1)
    """Failed logins to one account from one address, after which that address cannot log in to the account."""
    auth_lockout_seconds: int = Field(default=900, ge=1)

    @property
    def registration_is_open(self) -> bool:
        if self.auth_registration is None:
            return self.app_env != "production"
        return self.auth_registration == "open"
