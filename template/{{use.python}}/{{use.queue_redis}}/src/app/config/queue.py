"""Settings of the queue and the worker."""

from typing import Annotated

from pydantic import AfterValidator, ValidationInfo

from app.config.broker import BrokerSettings
from app.config.redis import is_redis

DEVELOPMENT_URL = "redis://localhost:6380/1"


def _redis(url: str, info: ValidationInfo) -> str:
    if not is_redis(url):
        raise ValueError("must read like redis://USER:PASSWORD@HOST:6379/1, or rediss:// for TLS")
    if url == DEVELOPMENT_URL and info.data.get("app_env") == "production":
        raise ValueError("must be set in production")
    return url


class QueueSettings(BrokerSettings):
    queue_url: Annotated[str, AfterValidator(_redis)] = DEVELOPMENT_URL
