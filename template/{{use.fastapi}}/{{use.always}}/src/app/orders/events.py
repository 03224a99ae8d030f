"""What orders announce."""

from app.messaging.events import Event
from app.orders.models import Order


def order_placed(order: Order) -> Event:
    return Event(
        type="order.placed",
        subject=str(order.id),
        data={"reference": order.reference, "currency": order.currency, "total": str(order.total)},
    )
