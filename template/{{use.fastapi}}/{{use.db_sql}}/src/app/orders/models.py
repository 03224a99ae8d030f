"""The tables of orders."""

from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.database import Base, Resource, enum_column
from app.dialect import Money
from app.orders.status import OrderStatus


class Order(Resource, Base):
    __tablename__ = "orders"
    __table_args__ = (
        # `reference` is the first column, so that this index also serves queries by reference alone.
        UniqueConstraint("reference", "owner"),
        Index("ix_orders_owner", "owner", "created_at", "id"),
        Index("ix_orders_created_at", "created_at", "id"),
        Index("ix_orders_status", "status", "created_at", "id"),
    )

    owner: Mapped[str] = mapped_column(String(64))
    """The subject of the principal who placed the order; empty without authentication."""
    reference: Mapped[str] = mapped_column(String(64))
    currency: Mapped[str] = mapped_column(String(3))
    status: Mapped[OrderStatus] = mapped_column(enum_column(OrderStatus, "status"), default=OrderStatus.PLACED)
    note: Mapped[str | None] = mapped_column(String(500))

    # Joined, so that one statement reads an order and its lines from one snapshot.
    lines: Mapped[list["OrderLine"]] = relationship(
        lazy="joined",
        innerjoin=True,
        order_by="OrderLine.position",
        cascade="all, delete-orphan",
        passive_deletes=True,
    )

    @property
    def total(self) -> Decimal:
        return sum((line.quantity * line.unit_price for line in self.lines), Decimal(0))


class OrderLine(Base):
    __tablename__ = "order_lines"
    __table_args__ = (
        CheckConstraint("quantity BETWEEN 1 AND 1000", name="quantity"),
        CheckConstraint("unit_price >= 0", name="unit_price"),
    )

    order_id: Mapped[UUID] = mapped_column(ForeignKey("orders.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(String(64))
    quantity: Mapped[int]
    unit_price: Mapped[Decimal] = mapped_column(Money)
