"""Event handlers that change orders."""

from collections.abc import Sequence
from uuid import UUID

from app.database import Session
from app.messaging.events import Event
from app.messaging.handlers import BatchHandler
from app.orders.repository import Orders
from app.permissions import SERVICE


@BatchHandler
async def confirm_orders(session: Session, events: Sequence[Event]) -> None:
    """Confirm the orders that are still placed, not those that have been cancelled or deleted."""
    await Orders(session, SERVICE).confirm([UUID(event.subject) for event in events])
