"""The data of the events of orders."""

from pydantic import BaseModel

from app.orders.schemas import Amount


class OrderPlaced(BaseModel, from_attributes=True):
    """An order was placed. The subject is its id."""

    reference: str
    currency: str
    total: Amount
