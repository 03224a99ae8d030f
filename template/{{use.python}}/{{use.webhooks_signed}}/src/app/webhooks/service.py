"""Operations on endpoints."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from app import clock, context
from app.auth import audit
from app.database import Session
from app.errors import DomainError
from app.messaging.events import Event
from app.permissions import SERVICE
from app.versions import check_version
from app.webhooks import repository, secrets
from app.webhooks.models import WebhookDelivery, WebhookEndpoint
from app.webhooks.repository import Endpoints
from app.webhooks.schemas import EndpointCreate, EndpointRead

MAX_ENDPOINTS = 20
"""Of each owner."""
PREVIOUS_SECRET_FOR = timedelta(hours=24)
DELIVERY = "webhook.delivery"
"""The type of the event that makes a failed delivery pending again. Its subject is the id of the delivery."""
PING = "webhook.ping"


async def create(endpoints: Endpoints, new: EndpointCreate, keys: Sequence[str]) -> WebhookEndpoint:
    """Store an endpoint with a new secret.

    Raises: conflict
    """
    owner = endpoints.principal.subject
    if await endpoints.count_of_owner(owner) >= MAX_ENDPOINTS:
        raise DomainError("conflict", f"There are {MAX_ENDPOINTS} endpoints already")
    endpoint = WebhookEndpoint(owner=owner, secret=secrets.new_name(keys), **new.model_dump())
    await endpoints.add(endpoint)
    await _record(endpoints.session, endpoint, "webhook_endpoint.created", {}, new.model_dump())
    return endpoint


async def change(
    endpoints: Endpoints, endpoint_id: UUID, changes: Mapping[str, Any], versions: Collection[int] | None
) -> WebhookEndpoint:
    """Change fields of an endpoint.

    Raises: not_found, precondition_failed
    """
    endpoint = await endpoints.get_for_update(endpoint_id)
    check_version(endpoint.version, versions)
    before = {field: getattr(endpoint, field) for field in changes}
    for field, value in changes.items():
        if field == "disabled":
            _set_disabled(endpoint, disabled=value)
        else:
            setattr(endpoint, field, value)
    await endpoints.save()
    await _record(endpoints.session, endpoint, "webhook_endpoint.changed", before, changes)
    return endpoint


async def rotate_secret(endpoints: Endpoints, endpoint_id: UUID, keys: Sequence[str]) -> WebhookEndpoint:
    """Give an endpoint a new secret. The old one stays valid for a day; an older one does not.

    Raises: not_found
    """
    endpoint = await endpoints.get_for_update(endpoint_id)
    endpoint.previous_secret = endpoint.secret
    endpoint.previous_secret_until = clock.now() + PREVIOUS_SECRET_FOR
    endpoint.secret = secrets.new_name(keys)
    await endpoints.save()
    await _record(endpoints.session, endpoint, "webhook_endpoint.secret_rotated", {}, {})
    return endpoint


async def delete(endpoints: Endpoints, endpoint_id: UUID, versions: Collection[int] | None) -> None:
    """Delete an endpoint, and the deliveries to it.

    Raises: not_found, precondition_failed
    """
    endpoint = await endpoints.get_for_update(endpoint_id)
    check_version(endpoint.version, versions)
    await endpoints.remove(endpoint)
    await _record(endpoints.session, endpoint, "webhook_endpoint.deleted", {"url": endpoint.url}, {})


async def ping(endpoints: Endpoints, endpoint_id: UUID) -> WebhookDelivery:
    """Send an event that means nothing, to try an endpoint.

    Raises: not_found, invalid_state
    """
    endpoint = await endpoints.get(endpoint_id)
    if endpoint.disabled:
        raise DomainError("invalid_state", "The endpoint is disabled")
    event = Event(type=PING, subject=str(endpoint.id), data={})
    [delivery] = await deliver_to([endpoint], event, endpoints.session)
    return delivery


async def deliver_to(endpoints: Sequence[WebhookEndpoint], event: Event, session: Session) -> list[WebhookDelivery]:
    """Store a delivery of the event to each endpoint."""
    cause = context.current()
    deliveries = [
        WebhookDelivery(
            endpoint_id=endpoint.id,
            type=event.type,
            event=event.model_dump(mode="json"),
            request_id=cause.request_id or None,
            traceparent=cause.traceparent or None,
        )
        for endpoint in endpoints
    ]
    await repository.add_deliveries(session, deliveries)
    return deliveries


async def disable(session: Session, endpoint_id: UUID, reason: str) -> None:
    """Disable an endpoint that does not work. Do nothing if it is gone or disabled already."""
    endpoint = await Endpoints(session, SERVICE).find_for_update(endpoint_id)
    if endpoint and not endpoint.disabled:
        _set_disabled(endpoint, disabled=True, reason=reason)
        await _record(session, endpoint, "webhook_endpoint.disabled", {}, {"reason": reason})


async def export(session: Session, owner: str) -> list[dict[str, Any]]:
    """The endpoints of a user, as JSON objects."""
    endpoints = await Endpoints(session, SERVICE).of_owner(owner)
    return [EndpointRead.model_validate(endpoint).model_dump(mode="json") for endpoint in endpoints]


async def erase(session: Session, owner: str) -> None:
    """Delete the endpoints of a user, and the deliveries to them."""
    await Endpoints(session, SERVICE).remove_of_owner(owner)


async def _record(
    session: Session, endpoint: WebhookEndpoint, action: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Record a change of an endpoint in the audit log."""
    subject, owner = str(endpoint.id), endpoint.owner
    await audit.record(session, action, subject, owner=owner, before=dict(before), after=dict(after))


def _set_disabled(endpoint: WebhookEndpoint, *, disabled: bool, reason: str | None = None) -> None:
    endpoint.disabled_at = clock.now() if disabled else None
    endpoint.disabled_reason = reason
    endpoint.failing_since = None
