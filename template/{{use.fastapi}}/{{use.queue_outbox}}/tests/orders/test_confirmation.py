"""The worker confirms orders."""

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.database import Database
from app.messaging import Queue
from app.messaging.events import Event
from app.messaging.models import Message
from app.orders.events import OrderPlaced
from app.orders.handlers import confirm_orders
from app.subscriptions import HANDLERS
from tests import stored
from tests.messaging.workers import work
from tests.orders.factories import line, place

pytestmark = pytest.mark.usefixtures("queue")


async def test_the_event_of_a_placed_order_has_what_the_response_has(member: AsyncClient, database: Database) -> None:
    placed = (await place(member, lines=[line(unit_price="12.5525")])).json()

    async with database.reading() as session:
        [message] = await stored.all_of(session, Message)

    data = Event.model_validate(message.event).data
    assert data == {name: placed[name] for name in OrderPlaced.model_fields}
    assert data["total"] == "25.105"


async def test_the_event_of_a_placed_order_has_the_request_id_and_the_trace_of_the_request(
    member: AsyncClient, database: Database
) -> None:
    traceparent = f"00-{'a' * 32}-{'b' * 16}-01"
    member.headers |= {"X-Request-ID": "r1", "traceparent": traceparent}
    await place(member)

    async with database.reading() as session:
        [message] = await stored.all_of(session, Message)

    assert (message.request_id, message.traceparent) == ("r1", traceparent)


async def test_a_placed_order_is_confirmed(service: FastAPI, member: AsyncClient, database: Database) -> None:
    path = (await place(member)).headers["Location"]

    await work(Queue(service.state.settings, database), HANDLERS)

    assert (await member.get(path)).json()["status"] == "confirmed"


async def test_a_cancelled_order_stays_cancelled(service: FastAPI, member: AsyncClient, database: Database) -> None:
    path = (await place(member)).headers["Location"]
    await member.post(f"{path}/cancellation")

    await work(Queue(service.state.settings, database), HANDLERS)

    assert (await member.get(path)).json()["status"] == "cancelled"


async def test_confirming_an_order_twice_changes_it_once(member: AsyncClient, database: Database) -> None:
    path = (await place(member)).headers["Location"]
    async with database.reading() as session:
        [message] = await stored.all_of(session, Message)

    for _ in range(2):
        async with database.transaction() as session:
            await confirm_orders(session, Event.model_validate(message.event))

    assert (await member.get(path)).headers["ETag"] == '"2"'
