"""Settings of authentication."""

import re
from typing import Annotated, Literal

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from pydantic import AfterValidator, Field, SecretStr, ValidationInfo

from app import NAME
from app.config.service import Environment, Rate

_PEM = re.compile(r"-----BEGIN [A-Z ]+-----.+?-----END [A-Z ]+-----", re.DOTALL)


def split_pems(text: str) -> list[str]:
    """The PEM blocks in a text. Line breaks may be written as \\n, as environment files do."""
    return _PEM.findall(text.replace("\\n", "\n"))


def _keys(pems: SecretStr) -> SecretStr:
    text = pems.get_secret_value()
    blocks = split_pems(text)
    if bool(text) != bool(blocks):
        raise ValueError("must be a private key in PEM form")
    for block in blocks:
        key = load_pem_private_key(block.encode(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
            raise ValueError("must be a P-256 key")
    return pems


def _signing_key(pem: SecretStr, info: ValidationInfo) -> SecretStr:
    if not pem.get_secret_value() and info.data.get("app_env") == "production":
        raise ValueError("must be set in production; `python -m app.cli generate-key` makes one")
    return _keys(pem)


class AuthSettings(Environment):
    auth_private_key: Annotated[SecretStr, AfterValidator(_signing_key)] = SecretStr("")
    """PEM of the P-256 key that signs access tokens. Unset: a key for development that everybody knows."""
    auth_retired_keys: Annotated[SecretStr, AfterValidator(_keys)] = SecretStr("")
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
