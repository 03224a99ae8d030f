"""Idempotency keys, entity tags, cursors and deprecated routes."""

import asyncio
import base64
from collections.abc import Callable

import pytest
from fastapi import FastAPI, Response
from httpx2 import AsyncClient
from httpx2 import Response as Answer

from app import idempotency
from app.database import Database
from app.errors import DomainError
from app.idempotency.models import StoredResponse
from app.pagination import Cursor
from app.versions import check_version
from app.web.conditional import ConditionalRead, NotModified, required_if_match
from tests import stored

CREATIONS = "/api/probe/creations"
DAY = 86_400


async def create(client: AsyncClient, name: str = "a", *, key: str = "k", path: str = CREATIONS) -> Answer:
    return await client.post(path, json={"name": name}, headers={b"Idempotency-Key": key.encode()})


async def test_a_repetition_gets_the_first_response(service: FastAPI, anybody: AsyncClient) -> None:
    first, second = await create(anybody), await create(anybody)

    assert (first.status_code, first.content) == (second.status_code, second.content)
    for header in ("Location", "ETag", "Content-Type"):
        assert second.headers[header] == first.headers[header]
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert service.state.created == ["a"]


async def test_a_key_belongs_to_one_body(service: FastAPI, anybody: AsyncClient) -> None:
    await create(anybody)

    assert (await create(anybody, "b")).json()["code"] == "idempotency_key_reused"
    assert service.state.created == ["a"]


async def test_a_key_belongs_to_one_route(service: FastAPI, anybody: AsyncClient) -> None:
    await create(anybody)

    assert (await create(anybody, path="/api/probe/other-creations")).status_code == 201
    assert service.state.created == ["a", "a"]


@pytest.mark.parametrize("key", ["", "x" * 256, "a\tb", "ä"])
async def test_a_malformed_key_is_refused(anybody: AsyncClient, key: str) -> None:
    assert (await create(anybody, key=key)).json()["code"] == "invalid_parameter"


async def test_concurrent_duplicates_have_one_effect(service: FastAPI, anybody: AsyncClient) -> None:
    answers = await asyncio.gather(*[create(anybody) for _ in range(20)])

    assert service.state.created == ["a"]
    for answer in answers:
        assert answer.status_code == 201 or answer.json()["code"] == "idempotency_in_progress"


async def test_a_key_can_be_used_again_after_a_day(
    service: FastAPI, anybody: AsyncClient, pass_time: Callable[[float], None]
) -> None:
    for name, seconds in (("a", DAY - 60), ("a", 120), ("b", 0)):
        assert (await create(anybody, name)).status_code == 201
        pass_time(seconds)

    assert service.state.created == ["a", "b"]


async def test_expired_responses_are_purged(
    anybody: AsyncClient, database: Database, pass_time: Callable[[float], None]
) -> None:
    await create(anybody)
    pass_time(DAY + 60)

    async with database.transaction() as session:
        await idempotency.purge(session)
        assert await stored.all_of(session, StoredResponse) == []


@pytest.mark.parametrize("header", ['W/"3"', '"1", "3"', "*"])
def test_a_read_of_a_version_that_the_caller_has_is_not_modified(header: str) -> None:
    with pytest.raises(NotModified) as outcome:
        ConditionalRead(header, Response()).check(3)

    assert outcome.value.tag == '"3"'


@pytest.mark.parametrize("header", ["3", '"33"', None])
def test_a_read_of_another_version_sets_the_entity_tag(header: str | None) -> None:
    response = Response()

    ConditionalRead(header, response).check(3)

    assert response.headers["ETag"] == '"3"'


@pytest.mark.parametrize("header", ['"3"', '"1", "3"', "*"])
async def test_a_change_of_the_current_version_is_accepted(header: str) -> None:
    check_version(3, await required_if_match(header))


@pytest.mark.parametrize("header", ['"2"', 'W/"3"', "3", ""])
async def test_a_change_of_another_version_is_refused(header: str) -> None:
    with pytest.raises(DomainError) as refused:
        check_version(3, await required_if_match(header))

    assert refused.value.code == "precondition_failed"


async def test_a_change_must_name_a_version() -> None:
    with pytest.raises(DomainError) as refused:
        await required_if_match(None)

    assert refused.value.code == "precondition_required"


@pytest.mark.parametrize("position", ["", "[]", "null", '["2026-01-01T00:00:00Z", 1]', '["0001-01-01+23", "0"]'])
def test_a_made_up_cursor_is_refused(position: str) -> None:
    with pytest.raises(DomainError, match="The cursor was not issued by this list"):
        Cursor.decode(base64.urlsafe_b64encode(position.encode()).decode())


async def test_a_deprecated_route_names_the_dates_and_the_successor(anybody: AsyncClient) -> None:
    answer = await anybody.get("/api/probe/items/1")

    assert answer.headers["Deprecation"] == "@1767225600"
    assert answer.headers["Sunset"] == "Fri, 01 Jan 2027 00:00:00 GMT"
    assert answer.headers["Link"] == '</api/probe/items>; rel="successor-version"'
