"""What orders do when something has happened."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.messaging.events import Event
from app.orders.repository import Orders
from app.orders.schemas import OrderStatus


async def confirm_order(session: AsyncSession, event: Event) -> None:
    """Confirms an order that is still waiting; one that was cancelled or deleted meanwhile stays so."""
    orders = Orders(session)
    order = await orders.find(UUID(event.subject))
    if order and order.status is OrderStatus.PLACED:
        order.status = OrderStatus.CONFIRMED
        await orders.save()
