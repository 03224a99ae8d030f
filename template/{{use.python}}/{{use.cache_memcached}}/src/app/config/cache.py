"""Settings of the cache."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ValidationInfo

from app.config.service import ServiceSettings

DEFAULT_PORT = 11211
DEVELOPMENT_URL = "memcached://localhost:11211"


def _memcached(url: str, info: ValidationInfo) -> str:
    if not _is_memcached(url):
        raise ValueError("must read like memcached://HOST:11211")
    if url == DEVELOPMENT_URL and info.data.get("app_env") == "production":
        raise ValueError("must be set in production")
    return url


def _is_memcached(url: str) -> bool:
    try:
        parts = urlsplit(url)
        has_address = bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:
        return False
    return has_address and parts.scheme == "memcached" and parts.path in ("", "/")


class CacheSettings(ServiceSettings):
    cache_url: Annotated[str, AfterValidator(_memcached)] = DEVELOPMENT_URL
