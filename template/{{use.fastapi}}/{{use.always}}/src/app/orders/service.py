"""Operations on orders."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from app.auth import audit
from app.database import Session
from app.errors import DomainError
from app.messaging.events import Event, publish
from app.orders.events import OrderPlaced
from app.orders.models import Order, OrderLine
from app.orders.repository import Orders
from app.orders.schemas import OrderCreate, OrderRead
from app.orders.status import OrderStatus
from app.permissions import SERVICE
from app.versions import check_version


async def place(orders: Orders, new: OrderCreate) -> Order:
    """Store an order, and publish `order.placed` in the same transaction.

    Raises: conflict
    """
    lines = [OrderLine(position=position, **line.model_dump()) for position, line in enumerate(new.lines)]
    owner = orders.principal.subject
    order = Order(owner=owner, reference=new.reference, currency=new.currency, note=new.note, lines=lines)
    await orders.add(order)
    data = OrderPlaced.model_validate(order).model_dump(mode="json")
    await publish(orders.session, Event(type="order.placed", subject=str(order.id), data=data), owner=owner)
    return order


async def amend(
    orders: Orders, order_id: UUID, changes: Mapping[str, str | None], versions: Collection[int] | None
) -> Order:
    """Change fields of an order.

    Raises: not_found, precondition_failed, invalid_state, conflict
    """
    order = await orders.get_for_update(order_id)
    check_version(order.version, versions)
    if order.status is OrderStatus.CANCELLED:
        raise DomainError("invalid_state", "A cancelled order cannot be changed")
    before = {field: getattr(order, field) for field in changes}
    for field, value in changes.items():
        setattr(order, field, value)
    await orders.save(order)
    await _audit(orders, order, "order.amended", before, changes)
    return order


async def cancel(orders: Orders, order_id: UUID, versions: Collection[int] | None) -> Order:
    """Cancel an order.

    Raises: not_found, precondition_failed, invalid_state
    """
    order = await orders.get_for_update(order_id)
    check_version(order.version, versions)
    if order.status is OrderStatus.CANCELLED:
        raise DomainError("invalid_state", "The order is already cancelled")
    before = {"status": order.status}
    order.status = OrderStatus.CANCELLED
    await orders.save(order)
    await _audit(orders, order, "order.cancelled", before, {"status": order.status})
    return order


async def delete(orders: Orders, order_id: UUID, versions: Collection[int] | None) -> None:
    """Delete an order.

    Raises: not_found, precondition_failed
    """
    order = await orders.get_for_update(order_id)
    check_version(order.version, versions)
    await orders.remove(order)
    await _audit(orders, order, "order.deleted", {"status": order.status}, {})


async def export(session: Session, owner: str) -> list[dict[str, Any]]:
    """The orders of a user, as JSON objects."""
    orders = await Orders(session, SERVICE).of_owner(owner)
    return [OrderRead.model_validate(order).model_dump(mode="json") for order in orders]


async def erase(session: Session, owner: str) -> None:
    """Delete the orders of a user."""
    await Orders(session, SERVICE).remove_of_owner(owner)


async def _audit(
    orders: Orders, order: Order, action: str, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:
    """Record the change in the audit log if the principal is not the owner, but an admin."""
    if orders.principal.subject != order.owner:
        subject, owner = str(order.id), order.owner
        await audit.record(orders.session, action, subject, owner=owner, before=dict(before), after=dict(after))
