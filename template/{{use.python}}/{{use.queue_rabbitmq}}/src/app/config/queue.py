"""Settings of the queue and the worker."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ValidationInfo

from app.config.broker import BrokerSettings

DEVELOPMENT_URL = "amqp://app:app@localhost:5672/"


def _amqp(url: str, info: ValidationInfo) -> str:
    try:
        parts = urlsplit(url)
        is_complete = parts.scheme in ("amqp", "amqps") and parts.hostname and (parts.port or True)
    except ValueError as error:
        raise ValueError("is not a URL") from error
    if not is_complete:
        raise ValueError("must read like amqp://USER:PASSWORD@HOST:5672/VHOST")
    if url == DEVELOPMENT_URL and info.data.get("app_env") == "production":
        raise ValueError("must be set in production")
    return url


class QueueSettings(BrokerSettings):
    queue_url: Annotated[str, AfterValidator(_amqp)] = DEVELOPMENT_URL
