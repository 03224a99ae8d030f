"""How orders are read and written."""

from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm.exc import StaleDataError

from app.auth.permissions import Principal
from app.errors import Refusal
from app.keyset import newest_first
from app.orders.models import Order
from app.orders.schemas import OrderQuery
from app.web.pagination import Slice


class Orders:
    """The orders that a principal may see: its own, or all of them for an admin and for the service itself."""

    def __init__(self, session: AsyncSession, principal: Principal | None = None) -> None:
        self.session = session
        self._principal = principal

    async def add(self, order: Order) -> None:
        """Raises: conflict"""
        assert self._principal is not None, "the service itself places no orders"
        order.owner_id = self._principal.id
        self.session.add(order)
        await self.save()

    async def get(self, order_id: UUID) -> Order:
        """Raises: not_found"""
        order = await self.find(order_id)
        if order is None:
            raise Refusal("not_found", "There is no such order")
        return order

    async def find(self, order_id: UUID) -> Order | None:
        return await self.session.scalar(self._visible().where(Order.id == order_id))

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

    async def save(self) -> None:
        """Stores what has changed.

        Raises: conflict, precondition_failed
        """
        try:
            await self.session.flush()
        except IntegrityError as error:
            raise Refusal("conflict", "The reference is taken") from error
        except StaleDataError as error:
            raise Refusal("precondition_failed", "Somebody else has changed the order meanwhile") from error

    async def remove(self, order: Order) -> None:
        """Raises: precondition_failed"""
        await self.session.delete(order)
        await self.save()

    def _visible(self) -> Select[Order]:
        statement = select(Order)
        if self._principal is None or self._principal.is_admin:
            return statement
        return statement.where(Order.owner_id == self._principal.id)
