"""Settings of the cache."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ValidationInfo

from app.config.service import ServiceSettings

DEFAULT_PORT = 6379
DEVELOPMENT_URL = "redis://localhost:6379/0"


def _redis(url: str, info: ValidationInfo) -> str:
    if not _is_redis(url):
        raise ValueError("must read like redis://USER:PASSWORD@HOST:6379/0, or rediss:// for TLS")
    if url == DEVELOPMENT_URL and info.data.get("app_env") == "production":
        raise ValueError("must be set in production")
    return url


def _is_redis(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_address = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return has_address and parts.scheme in ("redis", "rediss") and bool(re.fullmatch(r"(/[0-9]*)?", parts.path))


class CacheSettings(ServiceSettings):
    cache_url: Annotated[str, AfterValidator(_redis)] = DEVELOPMENT_URL
