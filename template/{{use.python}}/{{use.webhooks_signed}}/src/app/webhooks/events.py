"""The data of the events of webhooks."""

from typing import Any
from uuid import UUID

from pydantic import BaseModel


class WebhookReceived(BaseModel):
    """Another service has sent a webhook. The subject is its `webhook-id`."""

    source: str
    payload: dict[str, Any]


class DeliveryGivenUp(BaseModel):
    """A delivery to an endpoint has failed too often, and is to be repeated. The subject is its id."""

    endpoint_id: UUID
