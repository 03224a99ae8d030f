"""Reads and writes orders."""

from collections.abc import Sequence
from uuid import UUID

from pymongo.errors import DuplicateKeyError

from app import clock
from app.database import Session
from app.dialect import Fields
from app.errors import DomainError
from app.keyset import newest_first
from app.orders.models import Order
from app.orders.schemas import OrderQuery
from app.orders.status import OrderStatus
from app.pagination import Slice
from app.permissions import Principal


class Orders:
    """The orders that a principal may see: its own orders, or all orders for an admin."""

    def __init__(self, session: Session, principal: Principal) -> None:
        self.session = session
        self.principal = principal

    async def add(self, order: Order) -> None:
        """Raises: conflict"""
        try:
            await self.session.insert(order)
        except DuplicateKeyError as error:
            raise _taken(error) from error

    async def get(self, order_id: UUID) -> Order:
        """Raises: not_found"""
        return _found(await self.session.find_one(Order, self._visible(_id=order_id)))

    async def get_for_update(self, order_id: UUID) -> Order:
        """An order, locked until the transaction ends.

        Raises: not_found
        """
        return _found(await self.session.lock(Order, self._visible(_id=order_id)))

    async def page(self, query: OrderQuery) -> Slice[Order]:
        """Newest first.

        Raises: invalid_cursor
        """
        wanted = self._visible()
        if query.status:
            wanted["status"] = query.status
        if query.reference:
            wanted["reference"] = query.reference
        between = {"$gt": query.created_after, "$lt": query.created_before}
        if between := {operator: moment for operator, moment in between.items() if moment}:
            wanted["created_at"] = between
        return await newest_first(self.session, Order, wanted, query)

    async def of_owner(self, owner: str) -> Sequence[Order]:
        """All orders of an owner, the oldest first."""
        return await self.session.find(Order, {"owner": owner}, [("created_at", 1)])

    async def save(self, order: Order) -> None:
        """Store what has changed.

        Raises: conflict
        """
        try:
            await self.session.save(order)
        except DuplicateKeyError as error:
            raise _taken(error) from error

    async def confirm(self, order_ids: Sequence[UUID]) -> None:
        """Confirm those of these orders that are placed, whoever owns them."""
        placed = {"_id": {"$in": list(order_ids)}, "status": OrderStatus.PLACED}
        confirmed = {"status": OrderStatus.CONFIRMED, "updated_at": clock.now()}
        await self.session.update(Order, placed, confirmed, version=1)

    async def remove(self, order: Order) -> None:
        await self.session.delete(Order, {"_id": order.id})

    async def remove_of_owner(self, owner: str) -> None:
        await self.session.delete(Order, {"owner": owner})

    def _visible(self, **wanted: object) -> Fields:
        return wanted if self.principal.is_admin else {"owner": self.principal.subject, **wanted}


def _found(order: Order | None) -> Order:
    if order is None:
        raise DomainError("not_found", "There is no such order")
    return order


def _taken(error: DuplicateKeyError) -> Exception:
    """The error of the domain if the reference is taken."""
    if (error.details or {}).get("keyPattern", {}).keys() == {"reference", "owner"}:
        return DomainError("conflict", "The reference is taken")
    return error
