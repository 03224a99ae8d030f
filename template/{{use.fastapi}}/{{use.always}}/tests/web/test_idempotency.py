"""`Idempotency-Key`."""

import asyncio
from datetime import timedelta

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import func, select, update

from app import clock
from app.database import Database
from app.web import idempotency
from app.web.idempotency import StoredAnswer

CREATIONS = "/api/probe/creations"


async def create(client: AsyncClient, name: str = "a", *, key: str = "k", path: str = CREATIONS) -> Response:
    return await client.post(path, json={"name": name}, headers={"Idempotency-Key": key})


async def expire(database: Database) -> None:
    async with database.transaction() as session:
        await session.execute(update(StoredAnswer).values(expires_at=clock.now() - timedelta(seconds=1)))


async def test_a_repetition_gets_the_first_answer(service: FastAPI, anybody: AsyncClient) -> None:
    first, second = await create(anybody), await create(anybody)
    assert first.status_code == second.status_code == 201
    assert second.content == first.content
    for header in ("Location", "ETag", "Content-Type"):
        assert second.headers[header] == first.headers[header]
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert service.state.created == ["a"]


async def test_a_key_belongs_to_one_body(service: FastAPI, anybody: AsyncClient) -> None:
    await create(anybody, "a")
    answer = await create(anybody, "b")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_key_reused")
    assert service.state.created == ["a"]


async def test_a_key_belongs_to_one_route(service: FastAPI, anybody: AsyncClient) -> None:
    await create(anybody)
    assert (await create(anybody, path="/api/probe/other-creations")).status_code == 201
    assert service.state.created == ["a", "a"]


async def test_other_keys_and_no_key_create_anew(service: FastAPI, anybody: AsyncClient) -> None:
    await create(anybody, key="k1")
    await create(anybody, key="k2")
    await anybody.post(CREATIONS, json={"name": "a"})
    await anybody.post(CREATIONS, json={"name": "a"})
    assert service.state.created == ["a"] * 4


async def test_a_failure_is_not_remembered(service: FastAPI, anybody: AsyncClient) -> None:
    service.state.taken.add("a")
    assert (await create(anybody)).status_code == 409
    service.state.taken.clear()
    answer = await create(anybody)
    assert answer.status_code == 201
    assert "Idempotent-Replayed" not in answer.headers


async def test_duplicates_at_once_have_one_effect(service: FastAPI, anybody: AsyncClient) -> None:
    answers = await asyncio.gather(*[create(anybody) for _ in range(20)])
    assert service.state.created == ["a"]
    assert {answer.status_code for answer in answers} <= {201, 409}
    for refused in (answer for answer in answers if answer.status_code == 409):
        assert refused.json()["code"] == "idempotency_in_progress"
        assert refused.headers["Retry-After"] == "1"


async def test_a_key_is_free_again_after_a_day(service: FastAPI, anybody: AsyncClient, database: Database) -> None:
    await create(anybody, "a")
    async with database.reading() as session:
        expires_at = await session.scalar(select(StoredAnswer.expires_at))
    assert expires_at is not None
    assert timedelta(hours=23) < expires_at - clock.now() < timedelta(hours=25)
    await expire(database)
    assert (await create(anybody, "b")).status_code == 201
    assert service.state.created == ["a", "b"]


async def test_the_purge_forgets_what_has_expired(anybody: AsyncClient, database: Database) -> None:
    await create(anybody, key="old")
    await expire(database)
    await create(anybody, key="new")
    async with database.transaction() as session:
        await idempotency.purge(session)
        assert await session.scalar(select(func.count()).select_from(StoredAnswer)) == 1


@pytest.mark.parametrize("key", ["", "x" * 256, " a", "a\tb", "ä"])
async def test_a_key_is_printable_and_not_too_long(anybody: AsyncClient, key: str) -> None:
    answer = await anybody.post(CREATIONS, json={"name": "a"}, headers={b"Idempotency-Key": key.encode()})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")
