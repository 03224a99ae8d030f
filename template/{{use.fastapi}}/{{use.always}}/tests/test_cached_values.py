"""Cached values: loaded once for concurrent requests, and never outdated for the process that changes them."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest
from fastapi import APIRouter, Request
from pydantic import BaseModel

from app.cache import Cache, local
from app.cache.local import LARGEST_VALUE, LOCAL_VALUES
from app.config import Settings
from app.database import Database, after_commit
from tests import callers
from tests.conftest import Start


class Text(BaseModel):
    text: str = ""


class Source:
    """What a cache loads: its value, and how often it was loaded."""

    def __init__(self) -> None:
        self.text = "old"
        self.loads = 0
        self.begun = asyncio.Event()
        self.may_go_on = asyncio.Event()
        self.may_go_on.set()

    async def load(self) -> Text:
        self.loads += 1
        self.begun.set()
        text = self.text
        await self.may_go_on.wait()
        return Text(text=text)


@pytest.fixture
async def values() -> AsyncIterator[Cache]:
    async with aclosing(Cache(Settings(app_env="test"))) as cache:
        yield cache


@pytest.fixture
def source() -> Source:
    return Source()


async def read(values: Cache, source: Source) -> str:
    return (await values.get_or_load("key", Text, source.load, seconds=60)).text


def route(source: Source, requests: int) -> APIRouter:
    """A route that reads the database if the value is not cached. A load ends when so many requests wait for it."""
    router, waiting = APIRouter(), itertools.count(1)
    source.may_go_on.clear()

    @router.get("/api/cached")
    async def cached(request: Request) -> Text:
        if next(waiting) == requests:
            source.may_go_on.set()
        cache: Cache = request.app.state.cache
        return await cache.get_or_load("route", Text, lambda: load(request.app.state.database), seconds=60)

    async def load(database: Database) -> Text:
        await database.ping()
        return await source.load()

    return router


async def test_200_concurrent_requests_share_one_load(start: Start, source: Source) -> None:
    client = callers.anybody(await start(route(source, 200), max_concurrency=200))

    answers = await asyncio.gather(*(client.get("/api/cached") for _ in range(200)))

    assert [answer.json() for answer in answers] == [{"text": "old"}] * 200
    assert source.loads == 1


async def test_a_value_is_loaded_once(values: Cache, source: Source) -> None:
    assert [await read(values, source) for _ in range(3)] == ["old"] * 3
    assert source.loads == 1


async def test_a_change_is_seen_after_the_value_is_invalidated(values: Cache, source: Source) -> None:
    await read(values, source)
    source.text = "new"
    assert await read(values, source) == "old"

    await values.invalidate("key")

    assert await read(values, source) == "new"


async def test_a_value_is_invalidated_after_the_commit(values: Cache, source: Source, database: Database) -> None:
    await read(values, source)

    async with database.transaction() as session:
        after_commit(session, lambda: values.invalidate("key"))
        source.text = "new"
        assert await read(values, source) == "old"

    assert await read(values, source) == "new"


async def test_a_load_that_began_before_a_change_leaves_nothing_behind(values: Cache, source: Source) -> None:
    source.may_go_on.clear()
    outdated, go_on = asyncio.create_task(read(values, source)), source.may_go_on
    await source.begun.wait()

    source.text, source.may_go_on = "new", asyncio.Event()
    source.may_go_on.set()
    await values.invalidate("key")
    async with asyncio.timeout(5):
        assert await read(values, source) == "new"
    go_on.set()

    assert await outdated == "old"
    assert await read(values, source) == "new"


async def test_a_load_that_fails_fails_for_all_who_wait_and_is_tried_again(values: Cache, source: Source) -> None:
    async def fail() -> Text:
        source.loads += 1
        await asyncio.sleep(0.05)
        raise LookupError

    waiting = [values.get_or_load("key", Text, fail, seconds=60) for _ in range(5)]
    assert [type(each) for each in await asyncio.gather(*waiting, return_exceptions=True)] == [LookupError] * 5
    assert source.loads == 1
    assert await read(values, source) == "old"


async def test_a_caller_that_is_cancelled_does_not_cancel_the_others(values: Cache, source: Source) -> None:
    source.may_go_on.clear()
    first, second = (asyncio.create_task(read(values, source)) for _ in range(2))
    await source.begun.wait()

    first.cancel()
    await asyncio.wait([first])
    source.may_go_on.set()

    assert await second == "old"
    assert (first.cancelled(), source.loads) == (True, 1)


async def test_a_large_value_is_not_kept(values: Cache, source: Source) -> None:
    source.text = "x" * LARGEST_VALUE

    assert [len(await read(values, source)) for _ in range(2)] == [LARGEST_VALUE] * 2

    assert source.loads == 2


async def test_a_process_keeps_the_values_that_were_used_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "LOCAL_SECONDS", 60)
    cache, loads = local.LocalCache(), 0

    async def load() -> bytes:
        nonlocal loads
        loads += 1
        return b"{}"

    for number in (*range(LOCAL_VALUES), 0, LOCAL_VALUES):
        await cache.get_or_load(f"{number}", load, 60)
    assert loads == LOCAL_VALUES + 1
    await cache.get_or_load("0", load, 60)
    assert loads == LOCAL_VALUES + 1
    await cache.get_or_load("1", load, 60)
    assert loads == LOCAL_VALUES + 2
