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
    member = await callers.member(await start(embedded_worker=True))
    path = (await place(member)).headers["Location"]

    async def is_confirmed() -> bool:
        order = await member.get(path)
        return (order.json()["status"], order.headers["ETag"]) == ("confirmed", '"2"')

    await eventually(is_confirmed)


async def test_an_order_that_cannot_be_placed_announces_nothing(member: AsyncClient, database: Database) -> None:
    await place(member, reference="taken")
    with pytest.raises(AssertionError, match="conflict"):
        await place(member, reference="taken")
    async with database.reading() as session:
        assert len((await session.scalars(select(Message))).all()) == 1


async def test_an_order_is_confirmed_once_however_often_its_event_is_delivered(
    service: FastAPI, member: AsyncClient, database: Database
) -> None:
    placed = await place(member)
    async with database.transaction() as session:
        message = (await session.scalars(select(Message))).one()
        session.expunge(message)
    await _work(service)
    async with database.transaction() as session:
        session.add(Message(id=message.id, type=message.type, envelope=message.envelope, run_at=clock.now()))
    await _work(service)
    found = await member.get(placed.headers["Location"])
    assert (found.json()["status"], found.headers["ETag"]) == ("confirmed", '"2"')


@pytest.mark.parametrize("last", ["cancellation", "deletion"])
async def test_an_order_that_is_gone_is_not_confirmed(
    service: FastAPI, admin: AsyncClient, database: Database, last: str
) -> None:
    path = (await place(admin)).headers["Location"]
    await (admin.delete(path) if last == "deletion" else admin.post(f"{path}/cancellation"))
    await _work(service)
    assert (await admin.get(path)).json().get("status") in ("cancelled", 404)
    async with database.reading() as session:
        assert (await session.scalars(select(Message))).all() == []


async def _work(service: FastAPI) -> None:
    settings, database = service.state.settings, service.state.database
    async with database.transaction() as session:
        await session.execute(update(Message).values(run_at=clock.now()))
    assert await Consumer(settings, database, Bell(settings), HANDLERS).work() == 1
