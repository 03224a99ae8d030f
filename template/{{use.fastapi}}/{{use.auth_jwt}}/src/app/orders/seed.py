"""Orders to play with."""

from decimal import Decimal

from app.auth.permissions import Principal, Role
from app.auth.sessions import create_user
from app.database import Database
from app.errors import Refusal
from app.orders import service
from app.orders.repository import Orders
from app.orders.schemas import OrderCreate, OrderLineCreate

PASSWORD = "for development"  # noqa: S105  # nobody can seed in production
COUNT = 25


async def plant(database: Database) -> list[str]:
    """Makes an admin, and a member with some orders, unless they are there; gives lines to show."""
    try:
        await create_user(database, "admin@example.com", PASSWORD, Role.ADMIN)
        member = await create_user(database, "member@example.com", PASSWORD, Role.MEMBER)
    except Refusal:
        return ["The data is there already"]
    principal = Principal(id=member.id, roles=frozenset({Role.MEMBER}))
    async with database.transaction() as session:
        for number in range(1, COUNT + 1):
            line = OrderLineCreate(sku=f"TEA-{number:03}", quantity=number, unit_price=Decimal("12.50"))
            order = OrderCreate(reference=f"SEED-{number:03}", currency="EUR", lines=[line])
            await service.place(Orders(session, principal), order)
    return [f"Log in as admin@example.com or member@example.com with the password {PASSWORD!r}"]
