"""Who may do what with orders. A route says which kind of access it needs by the type of its parameter."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from app.auth.dependencies import Require
from app.auth.permissions import Permission
from app.orders.repository import Orders


class _Reading(Require):
    async def __call__(self, request: Request) -> AsyncIterator[Orders]:
        principal = self.admit(request)
        async with request.app.state.database.reading() as session:
            yield Orders(session, principal)


class _Writing(Require):
    async def __call__(self, request: Request) -> AsyncIterator[Orders]:
        principal = self.admit(request)
        async with request.app.state.database.transaction() as session:
            yield Orders(session, principal)


# The scope makes the transaction end before the response is sent: what was answered is stored.
ReadOrders = Annotated[Orders, Depends(_Reading(Permission.ORDERS_READ), scope="function")]
WriteOrders = Annotated[Orders, Depends(_Writing(Permission.ORDERS_WRITE), scope="function")]
DeleteOrders = Annotated[Orders, Depends(_Writing(Permission.ORDERS_DELETE), scope="function")]
