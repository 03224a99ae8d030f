"""The event handlers of webhooks."""

from uuid import UUID

import structlog

from app.database import Session
from app.messaging.events import Event
from app.permissions import SERVICE
from app.webhooks import repository, service
from app.webhooks.events import WebhookReceived
from app.webhooks.repository import Endpoints

log = structlog.get_logger()

ALL_TYPES = "*"


async def notify_subscribers(session: Session, event: Event) -> None:
    """Store a delivery to each endpoint of the owner that wants events of this type."""
    wanted = {ALL_TYPES, event.type}
    endpoints = [
        endpoint
        for endpoint in await Endpoints(session, SERVICE).of_owner(event.owner)
        if not endpoint.disabled and not wanted.isdisjoint(endpoint.event_types)
    ]
    await service.deliver_to(endpoints, event, session)


async def repeat_delivery(session: Session, event: Event) -> None:
    """Make a failed delivery pending again. Do nothing if it is gone."""
    await repository.restart(session, UUID(event.subject))


async def log_received(session: Session, event: Event) -> None:
    """The example of a handler of webhooks from other services: replace it by your own."""
    received = WebhookReceived.model_validate(event.data)
    log.info("webhook received", source=received.source, webhook_id=event.subject)
