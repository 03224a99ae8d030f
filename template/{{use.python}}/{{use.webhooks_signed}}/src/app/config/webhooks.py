"""Settings of webhooks."""

import base64
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo
from pydantic_settings import NoDecode

from app.config.http_client import HttpClientSettings
from app.config.service import CommaSeparated

SECRET_PREFIX = "whsec_"  # noqa: S105  # the prefix of all secrets
_DEVELOPMENT_KEY = "a key that everybody knows, for development"
_KEY_LENGTH = 32


def _keys(keys: list[str], info: ValidationInfo) -> list[str]:
    if not keys and info.data.get("app_env") == "production":
        raise ValueError("must be set in production; `openssl rand -base64 32` prints a new key")
    if any(len(key) < _KEY_LENGTH for key in keys):
        raise ValueError(f"must be keys of at least {_KEY_LENGTH} characters")
    return keys or [_DEVELOPMENT_KEY]


def _by_source(value: object) -> object:
    if not isinstance(value, str):
        return value
    secrets: dict[str, list[str]] = {}
    for part in filter(None, map(str.strip, value.split(","))):
        source, _, secret = part.partition("=")
        secrets.setdefault(source, []).append(_checked(secret))
    return secrets


def _checked(secret: str) -> str:
    try:
        if secret.startswith(SECRET_PREFIX) and base64.b64decode(secret.removeprefix(SECRET_PREFIX) + "=="):
            return secret
    except ValueError:
        pass
    raise ValueError(f"must read like SOURCE={SECRET_PREFIX}…, comma-separated")


class WebhookSettings(HttpClientSettings):
    webhook_signing_keys: Annotated[CommaSeparated, AfterValidator(_keys)] = Field(default=[])
    """The keys from which the secrets of endpoints are derived. New secrets use the first one. Unset: a key that
    everybody knows, for development only."""
    webhook_secrets: Annotated[Mapping[str, list[str]], NoDecode, BeforeValidator(_by_source)] = {}
    """The secrets of each source whose webhooks are received. A source has two while its secret is rotated."""
    webhook_disable_after_seconds: int = Field(default=259_200, ge=1)
    """An endpoint is disabled when all deliveries to it have failed for this time."""
