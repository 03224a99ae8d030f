"""Settings of authentication."""

import re
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, ValidationInfo
from pydantic_settings import NoDecode

from app import NAME
from app.config.service import Rate, ServiceSettings

_PEM = re.compile(r"-----BEGIN [A-Z ]+-----.+?-----END [A-Z ]+-----", re.DOTALL)


def _load(pems: object) -> object:
    if not isinstance(pems, str):
        return pems
    # Environment files write line breaks as \n.
    blocks = _PEM.findall(pems.replace("\\n", "\n"))
    if not blocks:
        raise ValueError("must be a private key in PEM form")
    try:
        return [load_pem_private_key(block.encode(), password=None) for block in blocks]
    except TypeError as error:
        raise ValueError("must not be encrypted") from error


def _on_p256(key: EllipticCurvePrivateKey) -> EllipticCurvePrivateKey:
    if key.curve.name != "secp256r1":
        raise ValueError("must be a P-256 key")
    return key


def _set_in_production(keys: "Keys", info: ValidationInfo) -> "Keys":
    if not keys and info.data.get("app_env") == "production":
        raise ValueError("must be set in production; `python -m app.cli generate-key` makes one")
    return keys


Key = Annotated[InstanceOf[EllipticCurvePrivateKey], AfterValidator(_on_p256)]
Keys = Annotated[tuple[Key, ...], NoDecode, BeforeValidator(_load)]


class AuthSettings(ServiceSettings):
    auth_private_key: Annotated[Keys, AfterValidator(_set_in_production)] = ()
    """PEM of the P-256 key that signs access tokens. Unset: a key for development that everybody knows."""
    auth_retired_keys: Keys = ()
    """PEMs of keys that sign no more, but whose tokens are still good."""
    auth_issuer: str = NAME
    auth_audience: str = NAME
    auth_access_ttl_seconds: int = Field(default=900, ge=1)
    auth_refresh_ttl_seconds: int = Field(default=604_800, ge=1)
    auth_recheck_seconds: float = Field(default=5, ge=0)
    """How long a verified token is believed before its session and roles are looked up again."""
    auth_registration: Literal["open", "closed"] | None = None
    """Unset: closed in production."""
    auth_rate_limit: Rate = "20/minute"
    """Logins, registrations and refreshes, each, from one address."""
    auth_lockout_failures: int = Field(default=10, ge=1)
    auth_lockout_seconds: int = Field(default=900, ge=1)

    @property
    def registration_is_open(self) -> bool:
        if self.auth_registration is None:
            return self.app_env != "production"
        return self.auth_registration == "open"
