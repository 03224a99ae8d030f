"""The kinds of access to orders: reads need no transaction, changes have one."""

from typing import Annotated

from fastapi import Depends

from app.database import ReadSession, WriteSession
from app.orders.repository import Orders


async def _read(session: ReadSession) -> Orders:
    return Orders(session)


async def _write(session: WriteSession) -> Orders:
    return Orders(session)


ReadOrders = Annotated[Orders, Depends(_read)]
WriteOrders = Annotated[Orders, Depends(_write)]
DeleteOrders = WriteOrders
