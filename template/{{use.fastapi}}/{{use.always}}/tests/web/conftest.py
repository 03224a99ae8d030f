"""The service with additional routes. The tests use them to check what the web layer does for every route."""

import asyncio
from datetime import date
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from pydantic import Field

from app.auth.dependencies import CurrentPrincipal, WriteSession
from app.pagination import PageQuery
from app.schemas import RequestBody, ResponseBody
from app.web.idempotency import Idempotent
from app.web.openapi import deprecated
from tests.conftest import Start

router = APIRouter(prefix="/api/probe")
DEPRECATED = deprecated(since=date(2026, 1, 1), sunset=date(2027, 1, 1), successor="/api/probe/items")


@pytest.fixture
def start(start: Start) -> Start:
    async def start_with_probes(*routers: APIRouter, **changes: Any) -> FastAPI:
        service = await start(router, outside, *routers, **changes)
        service.state.created = []
        return service

    return start_with_probes


class Item(RequestBody):
    name: str
    parts: list[int] = Field(default_factory=list)


class Created(ResponseBody):
    name: str
    version: int = 1


@router.post("/items")
@router.patch("/items")
async def echo(body: Item) -> Item:
    return body


@router.get("/items")
async def page(query: Annotated[PageQuery, Query()]) -> int:
    return query.limit


@router.get("/items/{item_id}", dependencies=[DEPRECATED])
async def find(item_id: int) -> int:
    return item_id


@router.get("/stored")
async def read(request: Request) -> None:
    await request.app.state.database.ping()


@router.get("/slow")
async def wait() -> None:
    await asyncio.sleep(0.1)


@router.get("/crash")
async def crash() -> None:
    raise RuntimeError("SELECT secret FROM /etc/passwd")


@router.get("/errors/{status}")
async def fail(status: int) -> None:
    raise HTTPException(status, "The teapot is empty", headers={"X-Teapot": "empty"})


@router.post("/creations")
@router.post("/other-creations")
async def create(request: Request, body: Item, session: WriteSession, idempotent: Idempotent) -> Response:
    if replayed := await idempotent.replay(session):
        return replayed
    await asyncio.sleep(0.01)
    request.app.state.created.append(body.name)
    return await idempotent.created(session, Created, Created(name=body.name), "/a")


async def tea() -> str:
    return "green"


@router.get("/tea")
async def get_tea(kind: Annotated[str, Depends(tea)]) -> str:
    return kind


outside = APIRouter()
"""Routes outside of /api/."""


@outside.get("/reports")
async def reports(principal: CurrentPrincipal) -> str:
    return principal.subject
