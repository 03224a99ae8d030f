"""What happens to orders."""

from uuid import UUID

from app.errors import InvalidState
from app.messaging.events import publish
from app.orders.events import order_placed
from app.orders.models import Order, OrderLine
from app.orders.repository import Orders
from app.orders.schemas import OrderCreate, OrderPatch, OrderStatus
from app.web.conditional import check_match


async def place(orders: Orders, new: OrderCreate) -> Order:
    """Stores an order and announces it in the same transaction.

    Raises:
        Conflict: the reference is taken.
    """
    lines = [OrderLine(position=position, **line.model_dump()) for position, line in enumerate(new.lines)]
    order = Order(reference=new.reference, currency=new.currency, note=new.note, lines=lines)
    await orders.add(order)
    await publish(orders.session, order_placed(order))
    return order


async def amend(orders: Orders, order_id: UUID, patch: OrderPatch, if_match: str | None) -> Order:
    """Changes what the patch names.

    Raises:
        NotFound, PreconditionRequired, PreconditionFailed
        InvalidState: the order is cancelled.
        Conflict: the reference is taken.
    """
    order = await orders.get(order_id)
    check_match(if_match, order.version)
    if order.status is OrderStatus.CANCELLED:
        raise InvalidState("A cancelled order does not change")
    for field, value in patch.changes.items():
        setattr(order, field, value)
    await orders.save(order)
    return order


async def cancel(orders: Orders, order_id: UUID, if_match: str | None) -> Order:
    """Cancels an order.

    Raises:
        NotFound, PreconditionFailed
        InvalidState: it is cancelled already.
    """
    order = await orders.get(order_id)
    check_match(if_match, order.version, required=False)
    if order.status is OrderStatus.CANCELLED:
        raise InvalidState("The order is cancelled already")
    order.status = OrderStatus.CANCELLED
    await orders.save(order)
    return order


async def confirm(orders: Orders, order_id: UUID) -> None:
    """Confirms an order that is still waiting; one that was cancelled or deleted meanwhile stays so."""
    order = await orders.find(order_id)
    if order and order.status is OrderStatus.PLACED:
        order.status = OrderStatus.CONFIRMED
        await orders.save(order)


async def delete(orders: Orders, order_id: UUID, if_match: str | None) -> None:
    """Deletes an order.

    Raises:
        NotFound, PreconditionFailed
    """
    order = await orders.get(order_id)
    check_match(if_match, order.version, required=False)
    await orders.remove(order)
