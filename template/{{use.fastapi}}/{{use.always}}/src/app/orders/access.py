"""Dependencies of routes: access to orders for reading, listing, writing or deleting, each with its permission."""

from typing import Annotated

from fastapi import Depends

from app.auth.dependencies import ReadSession, StaleReadSession, WriteSession, require
from app.orders.repository import Orders
from app.permissions import Permission, Principal


async def _read(principal: Annotated[Principal, require(Permission.ORDERS_READ)], session: ReadSession) -> Orders:
    return Orders(session, principal)


async def _list(principal: Annotated[Principal, require(Permission.ORDERS_READ)], session: StaleReadSession) -> Orders:
    return Orders(session, principal)


async def _write(principal: Annotated[Principal, require(Permission.ORDERS_WRITE)], session: WriteSession) -> Orders:
    return Orders(session, principal)


async def _delete(principal: Annotated[Principal, require(Permission.ORDERS_DELETE)], session: WriteSession) -> Orders:
    return Orders(session, principal)


ReadOrders = Annotated[Orders, Depends(_read)]
ListOrders = Annotated[Orders, Depends(_list)]
WriteOrders = Annotated[Orders, Depends(_write)]
DeleteOrders = Annotated[Orders, Depends(_delete)]
