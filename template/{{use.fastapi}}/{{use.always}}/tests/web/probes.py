"""Routes that only tests have, each for one thing that the platform does to any route."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import text

from app.errors import Conflict
from app.web.deprecation import deprecated
from app.web.idempotency import IdempotencyKey, once
from app.web.pagination import PageQuery

router = APIRouter(prefix="/api/probe")


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    parts: list[int] = Field(default=[], max_length=3)


@router.post("/items")
@router.patch("/items")
async def echo(body: Item) -> Item:
    return body


@router.get("/items")
async def page(query: Annotated[PageQuery, Query()]) -> int:
    return query.limit


@router.get(
    "/old", dependencies=[deprecated(since=date(2026, 1, 1), sunset=date(2027, 1, 1), successor="/api/probe/items")]
)
async def answer_still() -> Response:
    return Response()


@router.get("/items/{item_id}")
async def find(item_id: int) -> int:
    return item_id


@router.get("/stored")
async def read(request: Request) -> Any:
    async with request.app.state.database.reading() as session:
        return await session.scalar(text("SELECT 1"))


@router.get("/crash")
async def crash() -> None:
    raise RuntimeError("SELECT secret FROM /etc/passwd")


@router.get("/breaks")
async def break_off() -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"half"
        raise RuntimeError

    return StreamingResponse(chunks())


@router.get("/waits")
async def wait(request: Request) -> None:
    """Answers once `state.may_answer` is set; `state.waits` tells that it does."""
    request.app.state.waits.set()
    await request.app.state.may_answer.wait()


@router.post("/creations")
@router.post("/other-creations")
async def create(request: Request, body: Item, key: IdempotencyKey = None) -> Response:
    """Counts in `state.created` what it makes; makes nothing named `taken`."""

    async def make() -> Response:
        await asyncio.sleep(0.01)
        if body.name in request.app.state.taken:
            raise Conflict("It is taken")
        request.app.state.created.append(body.name)
        headers = {"Location": f"/{body.name}", "ETag": '"1"'}
        return Response(f'"{body.name}"', 201, headers, media_type="application/json")

    async with request.app.state.database.transaction() as session:
        return await once(session, request, key, make)
