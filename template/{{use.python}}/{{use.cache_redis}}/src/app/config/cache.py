"""Settings of the cache."""

from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from app.config.redis import DEFAULT_PORT, is_redis
from app.config.service import ServiceSettings

__all__ = ["DEFAULT_PORT", "DEVELOPMENT_URL", "CacheSettings"]

DEVELOPMENT_URL = "redis://localhost:6379/0"


def _redis(url: str, info: ValidationInfo) -> str:
    if not is_redis(url):
        raise ValueError("must read like redis://USER:PASSWORD@HOST:6379/0, or rediss:// for TLS")
    if url == DEVELOPMENT_URL and info.data.get("app_env") == "production":
        raise ValueError("must be set in production")
    return url


class CacheSettings(ServiceSettings):
    cache_url: Annotated[str, AfterValidator(_redis)] = DEVELOPMENT_URL
