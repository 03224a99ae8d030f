"""Settings of the queue and the worker."""

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, ValidationInfo

from app import NAME
from app.config.broker import BrokerSettings

DEVELOPMENT_URL = f"http://localhost:9324/000000000000/{NAME}-events.fifo"


def _queue(url: str, info: ValidationInfo) -> str:
    try:
        parts = urlsplit(url)
        has_host = parts.scheme in ("http", "https") and parts.hostname and (parts.port or True)
    except ValueError as error:
        raise ValueError("is not a URL") from error
    if not has_host or not re.fullmatch(r"/.+/[\w-]+\.fifo", parts.path):
        raise ValueError("must read like https://sqs.REGION.amazonaws.com/ACCOUNT/NAME.fifo")
    if url == DEVELOPMENT_URL and info.data.get("app_env") == "production":
        raise ValueError("must be set in production")
    return url


def _topic(arn: str | None) -> str | None:
    if arn is not None and not re.fullmatch(r"arn:[\w-]+:sns:[\w-]+:\d+:[\w-]+\.fifo", arn):
        raise ValueError("must read like arn:aws:sns:REGION:ACCOUNT:NAME.fifo")
    return arn


class QueueSettings(BrokerSettings):
    queue_url: Annotated[str, AfterValidator(_queue)] = DEVELOPMENT_URL
    queue_topic_arn: Annotated[str | None, AfterValidator(_topic)] = None
    """The SNS topic that events are published to. Unset: they are sent to the queue, and no other service gets them."""
    queue_lease_seconds: int = Field(default=10, ge=1, le=3600)
    """If a worker dies, its messages are delivered again after this time."""
