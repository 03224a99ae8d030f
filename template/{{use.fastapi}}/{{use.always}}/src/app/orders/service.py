"""What happens to orders."""

from uuid import UUID

from app.errors import Refusal
from app.messaging.events import Event, publish
from app.orders.models import Order, OrderLine
from app.orders.repository import Orders
from app.orders.schemas import OrderCreate, OrderPatch, OrderStatus
from app.web.conditional import check_match


async def place(orders: Orders, new: OrderCreate) -> Order:
    """Stores an order and announces it in the same transaction.

    Raises: conflict
    """
    lines = [OrderLine(position=position, **line.model_dump()) for position, line in enumerate(new.lines)]
    order = Order(reference=new.reference, currency=new.currency, note=new.note, lines=lines)
    await orders.add(order)
    data = {"reference": order.reference, "currency": order.currency, "total": str(order.total)}
    await publish(orders.session, Event(type="order.placed", subject=str(order.id), data=data))
    return order


async def amend(orders: Orders, order_id: UUID, patch: OrderPatch, if_match: str | None) -> Order:
    """Changes what the patch names.

    Raises: not_found, precondition_required, precondition_failed, invalid_state, conflict
    """
    order = await orders.get(order_id)
    check_match(if_match, order.version)
    if order.status is OrderStatus.CANCELLED:
        raise Refusal("invalid_state", "A cancelled order does not change")
    for field, value in patch.changes.items():
        setattr(order, field, value)
    await orders.save()
    return order


async def cancel(orders: Orders, order_id: UUID, if_match: str | None) -> Order:
    """Cancels an order.

    Raises: not_found, precondition_failed, invalid_state
    """
    order = await orders.get(order_id)
    check_match(if_match, order.version, required=False)
    if order.status is OrderStatus.CANCELLED:
        raise Refusal("invalid_state", "The order is cancelled already")
    order.status = OrderStatus.CANCELLED
    await orders.save()
    return order


async def delete(orders: Orders, order_id: UUID, if_match: str | None) -> None:
    """Deletes an order.

    Raises: not_found, precondition_failed
    """
    order = await orders.get(order_id)
    check_match(if_match, order.version, required=False)
    await orders.remove(order)
