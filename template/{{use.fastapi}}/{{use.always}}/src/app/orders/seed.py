"""Example orders for development."""

from decimal import Decimal

from app.database import Database
from app.errors import DomainError
from app.orders import service
from app.orders.repository import Orders
from app.orders.schemas import OrderCreate, OrderLineCreate
from app.permissions import Principal

COUNT = 25


async def seed(database: Database, owner: Principal) -> list[str]:
    """Place some orders for `owner`, unless they exist. Returns lines to print."""
    try:
        async with database.transaction() as session:
            for number in range(1, COUNT + 1):
                line = OrderLineCreate(sku=f"TEA-{number:03}", quantity=number, unit_price=Decimal("12.50"))
                order = OrderCreate(reference=f"SEED-{number:03}", currency="EUR", lines=[line])
                await service.place(Orders(session, owner), order)
    except DomainError:
        return ["The orders exist already"]
    return [f"Placed {COUNT} orders"]
