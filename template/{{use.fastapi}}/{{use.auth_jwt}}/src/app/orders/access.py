"""Who may do what with orders. A route says which kind of access it needs by the type of its parameter."""

from typing import Annotated

from fastapi import Depends

from app.auth.permissions import Permission
from app.auth.principal import Principal, require
from app.database import ReadSession, WriteSession
from app.orders.repository import Orders


async def _read(session: ReadSession, principal: Annotated[Principal, require(Permission.ORDERS_READ)]) -> Orders:
    return Orders(session, principal)


async def _write(session: WriteSession, principal: Annotated[Principal, require(Permission.ORDERS_WRITE)]) -> Orders:
    return Orders(session, principal)


async def _delete(session: WriteSession, principal: Annotated[Principal, require(Permission.ORDERS_DELETE)]) -> Orders:
    return Orders(session, principal)


ReadOrders = Annotated[Orders, Depends(_read)]
WriteOrders = Annotated[Orders, Depends(_write)]
DeleteOrders = Annotated[Orders, Depends(_delete)]
