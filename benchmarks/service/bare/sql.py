"""The bare app on SQLAlchemy."""

import os
import uuid
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from fastapi import Depends, FastAPI, HTTPException, Query
from sqlalchemy import JSON, DateTime, ForeignKey, Numeric, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from benchmarks.service.bare.schemas import (
    OWNER_ID,
    OrderCreate,
    OrderPage,
    OrderQuery,
    OrderRead,
    cursor,
    event,
    new_id,
    now,
    position,
)

engine = create_async_engine(os.environ["DATABASE_URL"], pool_size=10, max_overflow=0)
Session = async_sessionmaker(engine, expire_on_commit=False)
app = FastAPI()


class Base(DeclarativeBase):
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: DateTime(timezone=True),
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
    unit_price: Mapped[Decimal] = mapped_column(Numeric(19, 4))


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
    placed = event(order.id, order.reference, order.currency, order.total)
    subject = str(order.id)
    session.add(Message(type="order.placed", subject=subject, owner=OWNER_ID, event=placed))
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
    next_cursor = cursor(rows[-1].created_at, rows[-1].id) if more else None
    return {"data": rows, "meta": {"limit": query.limit, "next_cursor": next_cursor}}


@app.get("/api/v1/orders/{order_id}", response_model=OrderRead)
async def get_order(order_id: uuid.UUID, session: SessionDep) -> Order:
    statement = select(Order).where(Order.owner == OWNER_ID).where(Order.id == order_id)
    order = await session.scalar(statement)
    if order is None:
        raise HTTPException(404)
    return order
