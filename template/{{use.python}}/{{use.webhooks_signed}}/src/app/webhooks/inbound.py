"""Receives webhooks of other services."""

from typing import Any, NamedTuple

from standardwebhooks import Webhook, WebhookVerificationError

from app.config import Settings
from app.database import Session
from app.errors import DomainError
from app.messaging.events import Event, publish
from app.webhooks import repository
from app.webhooks.events import WebhookReceived

RECEIVED = "webhook.received"
"""The type of the event of a received webhook. `WebhookReceived` is its data."""


class SignatureHeaders(NamedTuple):
    """The values of the headers of Standard Webhooks; empty if the header is absent."""

    webhook_id: str
    timestamp: str
    """In seconds since 1970."""
    signature: str
    """Signatures, separated by spaces. One valid signature is enough."""


def verify(settings: Settings, source: str, headers: SignatureHeaders, body: bytes) -> None:
    """Check the signature of a webhook, and its time, which may be five minutes off.

    Raises: unauthenticated
    """
    if not any(_is_signed(secret, headers, body) for secret in settings.webhook_secrets.get(source, ())):
        raise DomainError("unauthenticated", "The source is unknown, the signature not valid, or the webhook too old")


async def store(session: Session, source: str, webhook_id: str, payload: dict[str, Any]) -> None:
    """Publish the event of a webhook, unless it was received before."""
    if await repository.remember(session, source, webhook_id):
        data = WebhookReceived(source=source, payload=payload).model_dump(mode="json")
        await publish(session, Event(type=RECEIVED, subject=webhook_id, data=data), owner="")


def _is_signed(secret: str, headers: SignatureHeaders, body: bytes) -> bool:
    webhook_id, timestamp, signature = headers
    names = {"webhook-id": webhook_id, "webhook-timestamp": timestamp, "webhook-signature": signature}
    try:
        Webhook(secret).verify(body, names, json_parse=False)
    except (WebhookVerificationError, ValueError):  # the library lets the errors of its decoders pass
        return False
    return True
