"""The bare app: the same routes, validation, response models and queries as the generated service,
written as the FastAPI and SQLAlchemy documentation teach, without any layer around them.

It runs on the tables of the generated service, whose dialect has the types of two columns; OWNER_ID
stands for the principal it does not know.
"""

import base64
import json
import os
import time
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, ClassVar

from app.dialect import Money, Timestamp
from fastapi import Depends, FastAPI, HTTPException, Query
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer
from sqlalchemy import JSON, ForeignKey, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

OWNER_ID = os.environ["OWNER_ID"]

engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=10, max_overflow=0)
Session = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


def now() -> datetime:
    return datetime.now(UTC)


def new_id() -> uuid.UUID:
    """A UUID of version 7."""
    random = int.from_bytes(os.urandom(10))
    value = (time.time_ns() // 1_000_000) << 80 | (random & ((1 << 80) - 1))
    return uuid.UUID(int=value & ~(0xF << 76) & ~(0x3 << 62) | 0x7 << 76 | 0x2 << 62)


class Base(DeclarativeBase):
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Timestamp,
        dict[str, Any]: JSON,
    }


class Order(Base):
    __tablename__ = "orders"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    owner: Mapped[str]
    reference: Mapped[str]
    currency: Mapped[str]
    status: Mapped[str] = mapped_column(default="placed")
    note: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    version: Mapped[int] = mapped_column()

    lines: Mapped[list["OrderLine"]] = relationship(
        lazy="selectin", order_by="OrderLine.position", cascade="all, delete-orphan"
    )

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  # SQLAlchemy's own spelling

    @property
    def total(self) -> Decimal:
        return sum((line.quantity * line.unit_price for line in self.lines), Decimal(0))


class OrderLine(Base):
    __tablename__ = "order_lines"

    order_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str]
    quantity: Mapped[int]
    unit_price: Mapped[Decimal] = mapped_column(Money)


class Message(Base):
    __tablename__ = "messages"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)
    type: Mapped[str]
    subject: Mapped[str]
    owner: Mapped[str]
    event: Mapped[dict[str, Any]]
    handler: Mapped[str | None]
    request_id: Mapped[str | None]
    traceparent: Mapped[str | None]
    state: Mapped[str] = mapped_column(default="pending")
    run_at: Mapped[datetime] = mapped_column(default=now)
    lease: Mapped[uuid.UUID | None]
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None]
    created_at: Mapped[datetime] = mapped_column(default=now)


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


async def get_session() -> AsyncIterator[AsyncSession]:
    async with Session() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session)]


@app.get("/livez")
async def live() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/api/v1/orders", status_code=201, response_model=OrderRead)
async def place_order(body: OrderCreate, session: SessionDep) -> Order:
    lines = [OrderLine(position=n, **line.model_dump()) for n, line in enumerate(body.lines)]
    order = Order(
        owner=OWNER_ID,
        reference=body.reference,
        currency=body.currency,
        note=body.note,
        lines=lines,
    )
    session.add(order)
    await session.flush()
    subject = str(order.id)
    session.add(Message(type="order.placed", subject=subject, owner=OWNER_ID, event=event(order)))
    await session.commit()
    return order


@app.get("/api/v1/orders", response_model=OrderPage)
async def list_orders(query: Annotated[OrderQuery, Query()], session: SessionDep) -> dict[str, Any]:
    statement = (
        select(Order)
        .where(Order.owner == OWNER_ID)
        .order_by(Order.created_at.desc(), Order.id.desc())
        .limit(query.limit + 1)
    )
    if query.cursor:
        statement = statement.where(tuple_(Order.created_at, Order.id) < position(query.cursor))
    if query.status:
        statement = statement.where(Order.status == query.status)
    orders = (await session.scalars(statement)).all()
    rows, more = orders[: query.limit], len(orders) > query.limit
    next_cursor = cursor(rows[-1]) if more else None
    return {"data": rows, "meta": {"limit": query.limit, "next_cursor": next_cursor}}


@app.get("/api/v1/orders/{order_id}", response_model=OrderRead)
async def get_order(order_id: uuid.UUID, session: SessionDep) -> Order:
    statement = select(Order).where(Order.owner == OWNER_ID).where(Order.id == order_id)
    order = await session.scalar(statement)
    if order is None:
        raise HTTPException(404)
    return order


def event(order: Order) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": str(new_id()),
        "source": "bare",
        "type": "order.placed",
        "subject": str(order.id),
        "time": order.created_at.isoformat(),
        "datacontenttype": "application/json",
        "data": {
            "reference": order.reference,
            "currency": order.currency,
            "total": str(order.total),
        },
    }


def cursor(order: Order) -> str:
    text = json.dumps([order.created_at.isoformat(), str(order.id)])
    return base64.urlsafe_b64encode(text.encode()).decode()


def position(text: str) -> tuple[datetime, uuid.UUID]:
    try:
        created_at, id_ = json.loads(base64.urlsafe_b64decode(text))
        return datetime.fromisoformat(created_at), uuid.UUID(id_)
    except ValueError as error:
        raise HTTPException(400) from error
