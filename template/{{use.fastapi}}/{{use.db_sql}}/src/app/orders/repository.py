"""Reads and writes orders."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, delete, select
from sqlalchemy.exc import IntegrityError

from app import dialect
from app.database import Session
from app.errors import DomainError
from app.keyset import newest_first
from app.orders.models import Order
from app.orders.schemas import OrderQuery
from app.pagination import Slice
from app.permissions import Principal


class Orders:
    """The orders that a principal may see: its own orders, or all orders for an admin."""

    def __init__(self, session: Session, principal: Principal) -> None:
        self.session = session
        self.principal = principal

    async def add(self, order: Order) -> None:
        """Raises: conflict"""
        self.session.add(order)
        await self.save(order)

    async def get(self, order_id: UUID) -> Order:
        """Raises: not_found"""
        return _found(await self._one(self._visible().where(Order.id == order_id)))

    async def get_for_update(self, order_id: UUID) -> Order:
        """An order, locked until the transaction ends.

        Raises: not_found
        """
        return _found(await self.find_for_update(order_id))

    async def find_for_update(self, order_id: UUID) -> Order | None:
        """An order, locked until the transaction ends; None if it does not exist."""
        return await self._one(self._visible().where(Order.id == order_id).with_for_update(of=Order))

    async def page(self, query: OrderQuery) -> Slice[Order]:
        """Newest first.

        Raises: invalid_cursor
        """
        statement = self._visible()
        if query.status:
            statement = statement.where(Order.status == query.status)
        if query.reference:
            statement = statement.where(Order.reference == query.reference)
        if query.created_after:
            statement = statement.where(Order.created_at > query.created_after)
        if query.created_before:
            statement = statement.where(Order.created_at < query.created_before)
        return await newest_first(self.session, statement, query, Order.created_at, Order.id)

    async def of_owner(self, owner: str) -> Sequence[Order]:
        """All orders of an owner, the oldest first."""
        statement = select(Order).where(Order.owner == owner).order_by(Order.created_at)
        return (await self.session.scalars(statement)).unique().all()

    async def save(self, order: Order) -> None:
        """Store what has changed.

        Raises: conflict
        """
        try:
            await self.session.flush()
        except IntegrityError as error:
            if dialect.violated_constraint(error) == "uq_orders_reference_owner":
                raise DomainError("conflict", "The reference is taken") from error
            raise

    async def remove(self, order: Order) -> None:
        await self.session.delete(order)
        await self.session.flush()

    async def remove_of_owner(self, owner: str) -> None:
        await self.session.execute(delete(Order).where(Order.owner == owner))

    def _visible(self) -> Select[Order]:
        statement = select(Order)
        return statement if self.principal.is_admin else statement.where(Order.owner == self.principal.subject)

    async def _one(self, statement: Select[Order]) -> Order | None:
        return (await self.session.scalars(statement)).unique().one_or_none()


def _found(order: Order | None) -> Order:
    if order is None:
        raise DomainError("not_found", "There is no such order")
    return order
