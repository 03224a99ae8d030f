"""The service with routes that only tests have, each for one thing that the platform does to any route."""

import asyncio
from datetime import date
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, FastAPI, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import text

from app.web.idempotency import IdempotencyKey, once
from app.web.openapi import deprecated
from app.web.pagination import PageQuery
from tests.conftest import Start

router = APIRouter(prefix="/api/probe")
OLD = deprecated(since=date(2026, 1, 1), sunset=date(2027, 1, 1), successor="/api/probe/items")


@pytest.fixture
def start(start: Start) -> Start:
    async def start_with_probes(*routers: APIRouter, **changes: Any) -> FastAPI:
        service = await start(router, *routers, **changes)
        service.state.created = []
        return service

    return start_with_probes


class Item(BaseModel, extra="forbid"):
    name: str
    parts: list[int] = []


@router.post("/items")
@router.patch("/items")
async def echo(body: Item) -> Item:
    return body


@router.get("/items")
async def page(query: Annotated[PageQuery, Query()]) -> int:
    return query.limit


@router.get("/items/{item_id}", dependencies=[OLD])
async def find(item_id: int) -> int:
    return item_id


@router.get("/stored")
async def read(request: Request) -> None:
    async with request.app.state.database.reading() as session:
        await session.execute(text("SELECT 1"))


@router.get("/slow")
async def wait() -> None:
    await asyncio.sleep(0.1)


@router.get("/crash")
async def crash() -> None:
    raise RuntimeError("SELECT secret FROM /etc/passwd")


@router.post("/creations")
@router.post("/other-creations")
async def create(request: Request, body: Item, key: IdempotencyKey = None) -> Response:
    async def make() -> Response:
        await asyncio.sleep(0.01)
        request.app.state.created.append(body.name)
        return Response(f'"{body.name}"', 201, {"Location": "/a", "ETag": '"1"'}, media_type="application/json")

    async with request.app.state.database.transaction() as session:
        return await once(session, request, key, make)
