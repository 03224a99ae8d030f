"""An order that was placed is confirmed by the worker."""

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import select, update

from app import clock
from app.database import Database
from app.messaging.bell import Bell
from app.messaging.consumer import Consumer
from app.messaging.models import Message
from app.worker import HANDLERS
from tests import callers
from tests.conftest import Start, eventually
from tests.orders.factories import place


async def test_an_order_is_confirmed_soon_after_it_was_placed(start: Start) -> None:
    async def is_confirmed() -> bool:
        order = await member.get(path)
        return (order.json()["status"], order.headers["ETag"]) == ("confirmed", '"2"')

    member = await callers.member(await start(embedded_worker=True))
    path = (await place(member)).headers["Location"]
    await eventually(is_confirmed)


@pytest.mark.parametrize(("last", "status"), [("", "confirmed"), ("cancel", "cancelled"), ("delete", 404)])
async def test_an_order_is_confirmed_once_unless_it_is_gone(
    service: FastAPI, admin: AsyncClient, database: Database, last: str, status: str | int
) -> None:
    path = (await place(admin)).headers["Location"]
    if last:
        await (admin.delete(path) if last == "delete" else admin.post(f"{path}/cancellation"))
    async with database.reading() as session:
        message = (await session.scalars(select(Message))).one()
    await _work(service)
    before = await admin.get(path)
    async with database.transaction() as session:
        session.add(Message(id=message.id, type=message.type, envelope=message.envelope, run_at=clock.now()))
    await _work(service)
    after = await admin.get(path)
    assert (after.json()["status"], after.headers.get("ETag")) == (status, before.headers.get("ETag"))
    async with database.reading() as session:
        assert (await session.scalars(select(Message))).all() == []


async def _work(service: FastAPI) -> None:
    settings, database = service.state.settings, service.state.database
    async with database.transaction() as session:
        await session.execute(update(Message).values(run_at=clock.now()))
    assert await Consumer(settings, database, Bell(settings), HANDLERS).work() == 1
