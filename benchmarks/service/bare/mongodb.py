"""The bare app on PyMongo."""

import os
import time
import uuid
from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

from bson import Decimal128, Int64
from bson.codec_options import TypeCodec, TypeRegistry
from fastapi import FastAPI, HTTPException, Query
from pymongo import AsyncMongoClient

from benchmarks.service.bare.schemas import (
    OWNER_ID,
    OrderCreate,
    OrderPage,
    OrderQuery,
    OrderRead,
    cursor,
    event,
    new_id,
    now,
    position,
)


class DecimalCodec(TypeCodec):
    python_type = Decimal
    bson_type = Decimal128

    def transform_python(self, value: Decimal) -> Decimal128:
        return Decimal128(value)

    def transform_bson(self, value: Decimal128) -> Decimal:
        return value.to_decimal()


client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(
    os.environ["DATABASE_URL"],
    maxPoolSize=10,
    tz_aware=True,
    uuidRepresentation="standard",
    type_registry=TypeRegistry([DecimalCodec()]),
    w="majority",
    journal=True,
)
database = client.get_default_database()
app = FastAPI()


@app.get("/livez")
async def live() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/api/v1/orders", status_code=201, response_model=OrderRead)
async def place_order(body: OrderCreate) -> dict[str, Any]:
    order_id, placed_at = new_id(), now()
    order = {
        "_id": order_id,
        "owner": OWNER_ID,
        "reference": body.reference,
        "currency": body.currency,
        "status": "placed",
        "note": body.note,
        "lines": [{"position": n, **line.model_dump()} for n, line in enumerate(body.lines)],
        "created_at": placed_at,
        "updated_at": placed_at,
        "version": 1,
    }
    message = {
        "_id": new_id(),
        "owner": OWNER_ID,
        "type": "order.placed",
        "subject": str(order_id),
        "event": event(order_id, body.reference, body.currency, total(order)),
        "handler": None,
        "request_id": None,
        "traceparent": None,
        "state": "pending",
        "run_at": placed_at,
        "lease": None,
        "attempts": 0,
        "last_error": None,
        "created_at": placed_at,
        "sequence": Int64(time.time_ns() // 1000),
    }
    async with client.start_session() as session, await session.start_transaction():
        await database["orders"].insert_one(order, session=session)
        await database["messages"].insert_one(message, session=session)
    return read(order)


@app.get("/api/v1/orders", response_model=OrderPage)
async def list_orders(query: Annotated[OrderQuery, Query()]) -> dict[str, Any]:
    wanted: dict[str, Any] = {"owner": OWNER_ID}
    if query.cursor:
        created_at, order_id = position(query.cursor)
        same_time = {"created_at": created_at, "_id": {"$lt": order_id}}
        wanted["$or"] = [{"created_at": {"$lt": created_at}}, same_time]
    if query.status:
        wanted["status"] = query.status
    newest_first = [("created_at", -1), ("_id", -1)]
    found = database["orders"].find(wanted, sort=newest_first, limit=query.limit + 1)
    orders = await found.to_list()
    rows, more = orders[: query.limit], len(orders) > query.limit
    next_cursor = cursor(rows[-1]["created_at"], rows[-1]["_id"]) if more else None
    meta = {"limit": query.limit, "next_cursor": next_cursor}
    return {"data": [read(row) for row in rows], "meta": meta}


@app.get("/api/v1/orders/{order_id}", response_model=OrderRead)
async def get_order(order_id: uuid.UUID) -> dict[str, Any]:
    order = await database["orders"].find_one({"_id": order_id, "owner": OWNER_ID})
    if order is None:
        raise HTTPException(404)
    return read(order)


def read(order: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of `OrderRead`."""
    return {**order, "id": order["_id"], "total": total(order)}


def total(order: Mapping[str, Any]) -> Decimal:
    return sum((line["quantity"] * line["unit_price"] for line in order["lines"]), Decimal(0))
