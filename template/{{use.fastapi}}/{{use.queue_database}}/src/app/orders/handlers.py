"""What orders do when something has happened."""

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from app.messaging.events import Event
from app.orders import service
from app.orders.repository import Orders


async def confirm_order(session: AsyncSession, event: Event) -> None:
    """An order that was placed is confirmed."""
    await service.confirm(Orders(session), UUID(event.subject))
