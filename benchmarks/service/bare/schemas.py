"""The schemas of the bare apps, and what else they share."""

import base64
import json
import os
import time
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

from fastapi import HTTPException
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer

OWNER_ID = os.environ["OWNER_ID"]


def now() -> datetime:
    return datetime.now(UTC)


def new_id() -> uuid.UUID:
    """A UUID of version 7."""
    random = int.from_bytes(os.urandom(10))
    value = (time.time_ns() // 1_000_000) << 80 | (random & ((1 << 80) - 1))
    return uuid.UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)


def decimal_string(amount: Decimal) -> str:
    cents = amount.quantize(Decimal("0.01"))
    return f"{cents if cents == amount else amount.normalize():f}"


Text = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]*$")]
Price = Annotated[Decimal, Field(ge=0, max_digits=15, decimal_places=4, allow_inf_nan=False)]
Amount = Annotated[Decimal, PlainSerializer(decimal_string, return_type=str)]


class OrderStatus(StrEnum):
    PLACED = "placed"
    CONFIRMED = "confirmed"
    CANCELLED = "cancelled"


class OrderLineCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    sku: Text
    quantity: int = Field(ge=1, le=1000)
    unit_price: Price


class OrderCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    reference: Text
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    lines: list[OrderLineCreate] = Field(min_length=1, max_length=100)
    note: str | None = Field(default=None, max_length=500, pattern=r"^[^\x00]*$")


class OrderLineRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    sku: str
    quantity: int
    unit_price: Amount


class OrderRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    id: uuid.UUID
    reference: str
    currency: str
    status: OrderStatus
    lines: list[OrderLineRead]
    total: Amount
    note: str | None
    created_at: datetime
    updated_at: datetime


class PageMeta(BaseModel):
    limit: int
    next_cursor: str | None


class OrderPage(BaseModel):
    data: list[OrderRead]
    meta: PageMeta


class OrderQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")

    limit: int = Field(default=20, ge=1, le=100)
    cursor: str | None = Field(default=None, max_length=512)
    status: OrderStatus | None = None


def event(order_id: uuid.UUID, reference: str, currency: str, total: Decimal) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(new_id()),
        "source": "bare",
        "type": "order.placed",
        "subject": str(order_id),
        "time": now().isoformat(),
        "datacontenttype": "application/json",
        "data": {"reference": reference, "currency": currency, "total": str(total)},
    }


def cursor(created_at: datetime, order_id: uuid.UUID) -> str:
    text = json.dumps([created_at.isoformat(), str(order_id)])
    return base64.urlsafe_b64encode(text.encode()).decode()


def position(text: str) -> tuple[datetime, uuid.UUID]:
    try:
        created_at, id_ = json.loads(base64.urlsafe_b64decode(text))
        return datetime.fromisoformat(created_at), uuid.UUID(id_)
    except ValueError as error:
        raise HTTPException(400) from error
