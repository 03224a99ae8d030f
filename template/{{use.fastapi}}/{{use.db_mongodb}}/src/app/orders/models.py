"""The documents of orders."""

from decimal import Decimal

from pydantic import BaseModel

from app.database import Resource
from app.orders.status import OrderStatus


class OrderLine(BaseModel):
    position: int
    sku: str
    quantity: int
    unit_price: Decimal


class Order(Resource):
    """An order with its lines: one document, so that one read loads both."""

    collection = "orders"

    owner: str
    """The subject of the principal who placed the order; empty without authentication."""
    reference: str
    currency: str
    status: OrderStatus = OrderStatus.PLACED
    note: str | None
    lines: list[OrderLine]

    @property
    def total(self) -> Decimal:
        return sum((line.quantity * line.unit_price for line in self.lines), Decimal(0))
