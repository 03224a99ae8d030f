"""Request and response bodies of orders."""

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated
from uuid import UUID

from pydantic import BeforeValidator, Field, PlainSerializer, StringConstraints, WithJsonSchema

from app.orders.status import OrderStatus
from app.pagination import Page, PageQuery
from app.schemas import Moment, RequestBody, ResponseBody


def decimal_string(amount: Decimal) -> str:
    """At least two decimal places, and no trailing zeros beyond them."""
    cents = amount.quantize(Decimal("0.01"))
    shortest = cents if cents == amount else amount.normalize()
    return f"{shortest:f}"


def _from_decimal_string(amount: object) -> Decimal:
    # The JSON parser turns a number into a float, which may be rounded. So only strings are accepted.
    if isinstance(amount, Decimal):
        return amount
    if not isinstance(amount, str) or not re.fullmatch(r"[0-9]{1,11}(\.[0-9]{1,4})?", amount):
        raise ValueError("must be a decimal in a string")
    return Decimal(amount)


def _text(max_length: int) -> StringConstraints:
    # Control characters do not belong in a line of text, and some databases cannot store NUL.
    return StringConstraints(min_length=1, max_length=max_length, pattern=r"^[^\x00-\x1f\x7f]*$")


Reference = Annotated[str, _text(64)]
Sku = Annotated[str, _text(64)]
Note = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
Currency = Annotated[str, StringConstraints(pattern="^[A-Z]{3}$"), Field(description="ISO 4217 code")]
Price = Annotated[
    Decimal,
    # `Field` directly follows the type, so that the Rust core of Pydantic checks the limits.
    Field(ge=0, max_digits=15, decimal_places=4),
    BeforeValidator(_from_decimal_string),
    WithJsonSchema({"type": "string", "pattern": r"^[0-9]{1,11}(\.[0-9]{1,4})?$", "examples": ["12.50"]}),
]
Amount = Annotated[Decimal, PlainSerializer(decimal_string, return_type=str), Field(examples=["25.00"])]

_NEW_ORDER = {
    "reference": "2026-0001",
    "currency": "EUR",
    "lines": [{"sku": "TEA-500", "quantity": 2, "unit_price": "12.50"}],
    "note": "Ring twice",
}


class OrderLineCreate(RequestBody):
    sku: Sku
    quantity: int = Field(ge=1, le=1000)
    unit_price: Price


class OrderCreate(RequestBody, json_schema_extra={"example": _NEW_ORDER}):
    reference: Reference
    currency: Currency
    lines: list[OrderLineCreate] = Field(min_length=1, max_length=100)
    note: Note | None = None


class OrderPatch(RequestBody, json_schema_extra={"example": {"note": "Leave it at the door"}}):
    """A merge patch (RFC 7396): fields that are absent do not change."""

    # Not `Reference | None`: null is refused. The default is never used, because `changes` has only the fields sent.
    reference: Reference = Field(default_factory=str)
    note: Note | None = None

    @property
    def changes(self) -> dict[str, str | None]:
        return self.model_dump(exclude_unset=True)


class OrderQuery(PageQuery):
    status: OrderStatus | None = None
    reference: Reference | None = None
    created_after: Moment | None = None
    created_before: Moment | None = None


class OrderLineRead(ResponseBody):
    sku: str
    quantity: int
    unit_price: Amount


class OrderRead(ResponseBody):
    id: UUID
    reference: str
    currency: str
    status: OrderStatus
    lines: list[OrderLineRead]
    total: Amount
    note: str | None
    created_at: datetime
    updated_at: datetime


OrderPage = Page[OrderRead]
