"""Orders to play with."""

from decimal import Decimal

from app.database import Database
from app.errors import Refusal
from app.orders import service
from app.orders.repository import Orders
from app.orders.schemas import OrderCreate, OrderLineCreate

COUNT = 25


async def plant(database: Database) -> list[str]:
    """Places some orders, unless they are there; gives lines to show."""
    try:
        async with database.transaction() as session:
            for number in range(1, COUNT + 1):
                line = OrderLineCreate(sku=f"TEA-{number:03}", quantity=number, unit_price=Decimal("12.50"))
                order = OrderCreate(reference=f"SEED-{number:03}", currency="EUR", lines=[line])
                await service.place(Orders(session), order)
    except Refusal:
        return ["The data is there already"]
    return [f"Placed {COUNT} orders"]
