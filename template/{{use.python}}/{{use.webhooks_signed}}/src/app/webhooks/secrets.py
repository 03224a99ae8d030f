"""The secrets that sign deliveries. They are derived from a key of the configuration, so no table holds them."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

from app.config.webhooks import SECRET_PREFIX


def new_name(keys: Sequence[str]) -> str:
    """The name of a new secret: the id of the newest key, and a random text."""
    return f"{_key_id(keys[0])}.{secrets.token_urlsafe(18)}"


def secret_of(keys: Sequence[str], name: str) -> str:
    """The secret with this name: `whsec_` and 32 bytes in base64.

    Raises: LookupError, if its key is no longer configured
    """
    key_id = name.partition(".")[0]
    for key in keys:
        if _key_id(key) == key_id:
            digest = hmac.digest(key.encode(), name.encode(), hashlib.sha256)
            return SECRET_PREFIX + base64.b64encode(digest).decode()
    raise LookupError(f"WEBHOOK_SIGNING_KEYS lacks the key {key_id}")


def _key_id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]
