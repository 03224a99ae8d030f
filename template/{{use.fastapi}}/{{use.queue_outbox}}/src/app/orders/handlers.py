"""Event handlers that change orders."""

from uuid import UUID

from app.database import Session
from app.messaging.events import Event
from app.orders.repository import Orders
from app.orders.status import OrderStatus
from app.permissions import SERVICE


async def confirm_order(session: Session, event: Event) -> None:
    """Confirm an order if it is still placed. Do nothing if it has been cancelled or deleted."""
    orders = Orders(session, SERVICE)
    order = await orders.find_for_update(UUID(event.subject))
    if order and order.status is OrderStatus.PLACED:
        order.status = OrderStatus.CONFIRMED
        await orders.save(order)
