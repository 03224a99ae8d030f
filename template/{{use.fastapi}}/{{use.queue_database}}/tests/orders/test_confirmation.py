"""An order that was placed is confirmed by the worker."""

from fastapi import FastAPI
from httpx2 import AsyncClient
from sqlalchemy import select, update

from app import clock
from app.database import Database
from app.messaging.bell import Bell
from app.messaging.consumer import Consumer
from app.messaging.events import Message
from app.worker import HANDLERS
from tests.orders.factories import place


async def test_an_order_is_confirmed_once_however_often_its_event_is_delivered(
    service: FastAPI, member: AsyncClient, database: Database
) -> None:
    kept, cancelled = [(await place(member)).headers["Location"] for _ in range(2)]
    await member.post(f"{cancelled}/cancellation")
    async with database.reading() as session:
        messages = (await session.scalars(select(Message))).all()
    for again in (False, True):
        async with database.transaction() as session:
            for sent in messages if again else ():
                session.add(Message(id=sent.id, type=sent.type, envelope=sent.envelope, run_at=clock.now()))
            await session.execute(update(Message).values(run_at=clock.now()))
        settings = service.state.settings
        assert await Consumer(settings, database, Bell(settings), HANDLERS).work() == 2
        found = [await member.get(path) for path in (kept, cancelled)]
        assert [order.json()["status"] for order in found] == ["confirmed", "cancelled"]
        assert [order.headers["ETag"] for order in found] == ['"2"', '"2"']
