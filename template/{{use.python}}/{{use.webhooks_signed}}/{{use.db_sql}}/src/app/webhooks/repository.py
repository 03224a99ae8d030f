"""Reads and writes endpoints, the deliveries to them, and the ids of what was received."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Select, delete, func, select, update

from app import clock, dialect
from app.database import Session, delete_some, execute_change, notify
from app.errors import DomainError
from app.keyset import newest_first
from app.messaging.events import Event
from app.messaging.models import Message, MessageState
from app.pagination import PageQuery, Slice
from app.permissions import Principal
from app.webhooks.models import ReceivedWebhook, WebhookDelivery, WebhookEndpoint
from app.webhooks.status import DeliveryStatus

CHANNEL = "webhook_deliveries"
"""The channel that a transaction notifies if it stores a delivery."""


class Endpoints:
    """The endpoints that a principal may see: its own endpoints, or all endpoints for an admin."""

    def __init__(self, session: Session, principal: Principal) -> None:
        self.session = session
        self.principal = principal

    async def add(self, endpoint: WebhookEndpoint) -> None:
        self.session.add(endpoint)
        await self.save()

    async def get(self, endpoint_id: UUID) -> WebhookEndpoint:
        """Raises: not_found"""
        return _found(await self.session.scalar(self._visible().where(WebhookEndpoint.id == endpoint_id)))

    async def get_for_update(self, endpoint_id: UUID) -> WebhookEndpoint:
        """An endpoint, locked until the transaction ends.

        Raises: not_found
        """
        return _found(await self.find_for_update(endpoint_id))

    async def find_for_update(self, endpoint_id: UUID) -> WebhookEndpoint | None:
        """An endpoint, locked until the transaction ends; None if it does not exist."""
        found = self._visible().where(WebhookEndpoint.id == endpoint_id)
        return await self.session.scalar(found.with_for_update())

    async def page(self, query: PageQuery) -> Slice[WebhookEndpoint]:
        """Newest first.

        Raises: invalid_cursor
        """
        created_at, row_id = WebhookEndpoint.created_at, WebhookEndpoint.id
        return await newest_first(self.session, self._visible(), query, created_at, row_id)

    async def count_of_owner(self, owner: str) -> int:
        owned = select(func.count()).select_from(WebhookEndpoint).where(WebhookEndpoint.owner == owner)
        return await self.session.scalar(owned) or 0

    async def of_owner(self, owner: str) -> Sequence[WebhookEndpoint]:
        """All endpoints of an owner, the oldest first."""
        owned = select(WebhookEndpoint).where(WebhookEndpoint.owner == owner)
        return (await self.session.scalars(owned.order_by(WebhookEndpoint.created_at))).all()

    async def save(self) -> None:
        await self.session.flush()

    async def remove(self, endpoint: WebhookEndpoint) -> None:
        """Delete an endpoint, and the deliveries to it."""
        await self.session.delete(endpoint)
        await self.session.flush()

    async def remove_of_owner(self, owner: str) -> None:
        await self.session.execute(delete(WebhookEndpoint).where(WebhookEndpoint.owner == owner))

    def _visible(self) -> Select[WebhookEndpoint]:
        statement = select(WebhookEndpoint)
        owner = self.principal.subject
        return statement if self.principal.is_admin else statement.where(WebhookEndpoint.owner == owner)


async def add_deliveries(session: Session, deliveries: Sequence[WebhookDelivery]) -> None:
    """Store new deliveries, and wake the worker in this process after the commit."""
    session.add_all(deliveries)
    await session.flush()
    notify(session, CHANNEL)


async def page_of_deliveries(session: Session, endpoint_id: UUID, query: PageQuery) -> Slice[WebhookDelivery]:
    """The deliveries to an endpoint, newest first.

    Raises: invalid_cursor
    """
    deliveries = select(WebhookDelivery).where(WebhookDelivery.endpoint_id == endpoint_id)
    return await newest_first(session, deliveries, query, WebhookDelivery.created_at, WebhookDelivery.id)


async def claim(
    session: Session, lease: UUID, *, limit: int, seconds: float
) -> Sequence[tuple[WebhookDelivery, WebhookEndpoint]]:
    """Claim due deliveries for `seconds`, the oldest first, and load their endpoints."""
    due = (
        select(WebhookDelivery.id)
        .where(WebhookDelivery.status == DeliveryStatus.PENDING, WebhookDelivery.run_at <= clock.now())
        .order_by(WebhookDelivery.run_at)
        .limit(limit)
    )
    changes = {"lease": lease, "run_at": _in(seconds), "attempts": WebhookDelivery.attempts + 1}
    found = await dialect.update_unlocked(session, WebhookDelivery, due, changes, [WebhookDelivery])
    claimed = [row[0] for row in found]
    wanted = select(WebhookEndpoint).where(WebhookEndpoint.id.in_({delivery.endpoint_id for delivery in claimed}))
    endpoints = {endpoint.id: endpoint for endpoint in await session.scalars(wanted)}
    return [(each, endpoints[each.endpoint_id]) for each in claimed if each.endpoint_id in endpoints]


async def finish(session: Session, delivery: WebhookDelivery, status: DeliveryStatus, error: str | None) -> bool:
    """End a claimed delivery. False if the lease was lost."""
    return await _release(session, delivery, {"status": status, "last_error": error, "finished_at": clock.now()})


async def retry(session: Session, delivery: WebhookDelivery, error: str, *, seconds: float) -> None:
    """Release a claimed delivery that failed. It is due again in `seconds`."""
    await _release(session, delivery, {"last_error": error, "run_at": _in(seconds)})


async def postpone(session: Session, delivery: WebhookDelivery, error: str, *, seconds: float) -> None:
    """Release a claimed delivery that was not sent, which does not count as an attempt."""
    changes = {"last_error": error, "run_at": _in(seconds), "attempts": delivery.attempts - 1}
    await _release(session, delivery, changes)


async def restart(session: Session, delivery_id: UUID) -> bool:
    """Make a failed delivery pending again. False if there is no such one."""
    failed = update(WebhookDelivery).where(
        WebhookDelivery.id == delivery_id, WebhookDelivery.status == DeliveryStatus.FAILED
    )
    changes = {"status": DeliveryStatus.PENDING, "attempts": 0, "run_at": clock.now(), "finished_at": None}
    return await execute_change(session, failed.values(changes)) > 0


async def set_failing_since(session: Session, endpoint_id: UUID, moment: datetime | None) -> None:
    """Note the first failure since the last success, or that there is none. It is no change that callers see."""
    endpoint = update(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id)
    unchanged = {"failing_since": moment, "updated_at": WebhookEndpoint.updated_at}
    await execute_change(session, endpoint.values(unchanged))


def add_dead_letter(session: Session, event: Event, *, owner: str, attempts: int, error: str) -> None:
    """Store an event as a dead letter. The command `dead-letters redrive` sends it to its handler."""
    dead = Message(
        id=event.id,
        owner=owner,
        type=event.type,
        subject=event.subject,
        event=event.model_dump(mode="json"),
        state=MessageState.DEAD,
        run_at=event.time,
        attempts=attempts,
        last_error=error,
    )
    session.add(dead)


async def remember(session: Session, source: str, webhook_id: str) -> bool:
    """Remember that a webhook was received. False if it was received before."""
    row = {"source": source, "webhook_id": webhook_id, "received_at": clock.now()}
    return await dialect.insert_if_absent(session, ReceivedWebhook, row)


async def delete_finished(session: Session, age: timedelta) -> bool:
    """Delete some deliveries that ended longer ago than `age`. True if there may be more."""
    return await delete_some(session, WebhookDelivery, WebhookDelivery.finished_at < clock.now() - age)


async def forget_received(session: Session, age: timedelta) -> bool:
    """Forget some webhooks that were received longer ago than `age`. True if there may be more."""
    return await delete_some(session, ReceivedWebhook, ReceivedWebhook.received_at < clock.now() - age)


async def _release(session: Session, delivery: WebhookDelivery, changes: dict[str, object]) -> bool:
    mine = update(WebhookDelivery).where(WebhookDelivery.id == delivery.id, WebhookDelivery.lease == delivery.lease)
    return await execute_change(session, mine.values(changes | {"lease": None})) > 0


def _found(endpoint: WebhookEndpoint | None) -> WebhookEndpoint:
    if endpoint is None:
        raise DomainError("not_found", "There is no such endpoint")
    return endpoint


def _in(seconds: float) -> datetime:
    return clock.now() + timedelta(seconds=seconds)
