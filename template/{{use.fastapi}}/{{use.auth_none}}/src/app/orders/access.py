"""The kinds of access to orders: reads need no transaction, changes have one."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Depends, Request

from app.orders.repository import Orders


async def _read(request: Request) -> AsyncIterator[Orders]:
    async with request.app.state.database.reading() as session:
        yield Orders(session)


async def _write(request: Request) -> AsyncIterator[Orders]:
    async with request.app.state.database.transaction() as session:
        yield Orders(session)


# The scope makes the transaction end before the response is sent: what was answered is stored.
ReadOrders = Annotated[Orders, Depends(_read, scope="function")]
WriteOrders = Annotated[Orders, Depends(_write, scope="function")]
DeleteOrders = WriteOrders
