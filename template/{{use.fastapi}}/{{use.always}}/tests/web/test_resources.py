"""What resources share: idempotency keys, entity tags, cursors, and how they go."""

import asyncio
import base64
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from pydantic import BaseModel
from sqlalchemy import select

from app.database import Database
from app.errors import Refusal
from app.web import idempotency
from app.web.conditional import check_match, resource
from app.web.idempotency import StoredAnswer
from app.web.pagination import Cursor

CREATIONS = "/api/probe/creations"
DAY = 86_400


class Row(BaseModel):
    version: int


async def create(client: AsyncClient, name: str = "a", *, key: str = "k", path: str = CREATIONS) -> Response:
    return await client.post(path, json={"name": name}, headers={b"Idempotency-Key": key.encode()})


async def test_a_repetition_gets_the_first_answer(service: FastAPI, anybody: AsyncClient) -> None:
    first, second = await create(anybody), await create(anybody)
    assert (first.status_code, first.content) == (second.status_code, second.content) == (201, b'"a"')
    for header in ("Location", "ETag", "Content-Type"):
        assert second.headers[header] == first.headers[header]
    assert [answer.headers.get("Idempotent-Replayed") for answer in (first, second)] == [None, "true"]
    assert service.state.created == ["a"]


async def test_a_key_belongs_to_one_body_and_one_route(service: FastAPI, anybody: AsyncClient) -> None:
    await create(anybody)
    assert (await create(anybody, "b")).json()["code"] == "idempotency_key_reused"
    assert (await create(anybody, path="/api/probe/other-creations")).status_code == 201
    for malformed in ("", "x" * 256, "a\tb", "ä"):
        assert (await create(anybody, key=malformed)).json()["code"] == "invalid_parameter"
    assert service.state.created == ["a", "a"]


async def test_duplicates_at_once_have_one_effect(service: FastAPI, anybody: AsyncClient) -> None:
    answers = await asyncio.gather(*[create(anybody) for _ in range(20)])
    assert service.state.created == ["a"]
    for answer in answers:
        assert answer.status_code == 201 or answer.json()["code"] == "idempotency_in_progress"


async def test_a_key_is_free_again_after_a_day(
    service: FastAPI, anybody: AsyncClient, database: Database, pass_time: Callable[[float], None]
) -> None:
    for name, seconds in (("a", DAY - 60), ("a", 120), ("b", DAY + 60)):
        assert (await create(anybody, name)).status_code == 201
        pass_time(seconds)
    assert service.state.created == ["a", "b"]
    async with database.transaction() as session:
        await idempotency.purge(session)
        assert (await session.scalars(select(StoredAnswer))).all() == []


@pytest.mark.parametrize(
    ("header", "status"), [('W/"3"', 304), ('"1", "3"', 304), ("*", 304), ("3", 200), ('"33"', 200)]
)
def test_what_the_caller_has_is_not_sent_again(header: str, status: int) -> None:
    answer = resource(Row, Row(version=3), if_none_match=header)
    assert (answer.status_code, answer.headers["ETag"], bool(answer.body)) == (status, '"3"', status == 200)


def test_a_change_must_name_the_version_it_knows() -> None:
    for header in ('"3"', '"1", "3"', "*"):
        check_match(header, 3)
    for other in ('"2"', 'W/"3"', "3", "", None):
        with pytest.raises(Refusal) as refusal:
            check_match(other, 3)
        assert refusal.value.code == ("precondition_required" if other is None else "precondition_failed")


@pytest.mark.parametrize("position", ["", "[]", "null", '["2026-01-01T00:00:00Z", 1]', '["0001-01-01+23", "0"]'])
def test_a_cursor_of_ones_own_making_is_refused(position: str) -> None:
    with pytest.raises(Refusal, match="The cursor is not one"):
        Cursor.decode(base64.urlsafe_b64encode(position.encode()).decode())


async def test_a_deprecated_route_tells_when_it_goes_and_what_comes(anybody: AsyncClient) -> None:
    answer = await anybody.get("/api/probe/items/1")
    assert answer.headers["Deprecation"] == "@1767225600"
    assert answer.headers["Sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
    assert answer.headers["Link"] == '</api/probe/items>; rel="successor-version"'
