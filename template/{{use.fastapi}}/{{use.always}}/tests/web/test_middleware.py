"""What every request passes."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from tests import callers
from tests.conftest import Start
from tests.web import probes

ITEMS = "/api/probe/items"
SHOP = "https://shop.test"
JSON = {"Content-Type": "application/json"}


async def client_of(start: Start, **changes: object) -> AsyncClient:
    return callers.anybody(await start(probes.router, **changes))


async def chunks(size: int) -> AsyncIterator[bytes]:
    yield b'{"name": "'
    for _ in range(size):
        yield b"x"
    yield b'"}'


@pytest.mark.parametrize("request_id", ["a", "Az09._-", "x" * 128])
async def test_a_request_id_is_kept(anybody: AsyncClient, request_id: str) -> None:
    answer = await anybody.get("/livez", headers={"X-Request-ID": request_id})
    assert answer.headers["X-Request-ID"] == request_id


@pytest.mark.parametrize("request_id", ["", "x" * 129, "a b", "ä", "a\tb", "<script>"])
async def test_a_malformed_request_id_is_replaced(anybody: AsyncClient, request_id: str) -> None:
    answer = await anybody.get("/livez", headers={b"X-Request-ID": request_id.encode()})
    assert len(answer.headers["X-Request-ID"]) == 32


async def test_each_request_has_its_own_id(anybody: AsyncClient) -> None:
    ids = {(await anybody.get(path)).headers["X-Request-ID"] for path in ("/livez", "/livez", "/nowhere")}
    assert len(ids) == 3


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/api/probe/crash", ITEMS])
async def test_every_answer_has_security_headers(anybody: AsyncClient, path: str) -> None:
    headers = (await anybody.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


async def test_production_insists_on_https(start: Start) -> None:
    client = callers.anybody(await start(app_env="production", **callers.SECRETS))
    assert (await client.get("/livez")).headers["Strict-Transport-Security"].startswith("max-age=31536000")


async def test_the_docs_page_alone_may_load_scripts(anybody: AsyncClient) -> None:
    answer = await anybody.get("/docs")
    assert "script-src" in answer.headers["Content-Security-Policy"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
async def test_production_serves_no_docs(start: Start, path: str) -> None:
    client = callers.anybody(await start(app_env="production", **callers.SECRETS))
    assert (await client.get(path)).status_code == 404


async def test_large_answers_are_compressed(anybody: AsyncClient) -> None:
    assert (await anybody.get("/openapi.json")).headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in (await anybody.get("/livez")).headers


async def test_browsers_of_other_origins_are_not_served(anybody: AsyncClient) -> None:
    answer = await anybody.get(ITEMS, headers={"Origin": SHOP})
    assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize(("origin", "allowed"), [(SHOP, SHOP), ("https://evil.test", None)])
async def test_browsers_of_allowed_origins_are_served(start: Start, origin: str, allowed: str | None) -> None:
    client = await client_of(start, cors_origins=[SHOP])
    headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS"):
        answer = await client.request(method, ITEMS, headers=headers)
        assert answer.headers.get("Access-Control-Allow-Origin") == allowed


@pytest.mark.parametrize("host", ["shop.test", "shop.test:8000", "SHOP.test"])
async def test_allowed_hosts_are_served(start: Start, host: str) -> None:
    client = await client_of(start, allowed_hosts=["shop.test"])
    assert (await client.get(ITEMS, headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("host", ["evil.test", "shop.test.evil.test", ""])
async def test_other_hosts_are_refused(start: Start, host: str) -> None:
    client = await client_of(start, allowed_hosts=["shop.test"])
    answer = await client.get(ITEMS, headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_parameter")


async def test_probes_are_answered_whatever_the_host(start: Start) -> None:
    client = await client_of(start, allowed_hosts=["shop.test"])
    assert (await client.get("/readyz")).status_code == 200


@pytest.mark.parametrize(("size", "status"), [(88, 200), (89, 413)])
async def test_a_body_over_the_limit_is_refused(start: Start, size: int, status: int) -> None:
    client = await client_of(start, max_body_bytes=100)
    answer = await client.post(ITEMS, content=b"".join([part async for part in chunks(size)]), headers=JSON)
    assert answer.status_code == status


@pytest.mark.parametrize(("size", "status"), [(88, 200), (89, 413)])
async def test_a_body_over_the_limit_is_refused_when_chunked(start: Start, size: int, status: int) -> None:
    client = await client_of(start, max_body_bytes=100)
    answer = await client.post(ITEMS, content=chunks(size), headers=JSON)
    assert answer.status_code == status
    assert status == 200 or answer.json()["code"] == "payload_too_large"


@pytest.mark.parametrize(
    ("method", "media_type", "status"),
    [
        ("POST", "application/json", 200),
        ("POST", "Application/JSON; charset=utf-8", 200),
        ("PATCH", "application/merge-patch+json", 200),
        ("POST", "application/merge-patch+json", 415),
        ("POST", "text/plain", 415),
        ("POST", "application/x-www-form-urlencoded", 415),
        ("POST", "", 415),
    ],
)
async def test_bodies_are_json(anybody: AsyncClient, method: str, media_type: str, status: int) -> None:
    answer = await anybody.request(method, ITEMS, content=b'{"name": "x"}', headers={"Content-Type": media_type})
    assert answer.status_code == status


async def test_a_request_too_many_is_refused_at_once(start: Start) -> None:
    service = await start(probes.router, max_concurrency=1)
    service.state.waits, service.state.may_answer = asyncio.Event(), asyncio.Event()
    client = callers.anybody(service)
    first = asyncio.create_task(client.get("/api/probe/waits"))
    await service.state.waits.wait()

    refused = await client.get(ITEMS)
    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    assert refused.headers["Retry-After"] == "1"
    assert (await client.get("/livez")).status_code == 200

    service.state.may_answer.set()
    assert (await first).status_code == 200
    assert (await client.get(ITEMS)).status_code == 200


async def test_a_caller_has_a_budget(start: Start) -> None:
    client = await client_of(start, rate_limit_default="2/day")
    answers = [await client.get(ITEMS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[0].headers["RateLimit-Limit"] == "2"
    assert 0 < int(answers[0].headers["RateLimit-Reset"]) <= 86_400
    assert answers[2].json()["code"] == "rate_limited"
    assert answers[2].headers["Retry-After"] == answers[2].headers["RateLimit-Reset"]


async def test_the_budget_comes_back(start: Start) -> None:
    client = await client_of(start, rate_limit_default="1/second")
    while (await client.get(ITEMS)).status_code == 200:
        pass
    await asyncio.sleep(1)
    assert (await client.get(ITEMS)).status_code == 200


async def test_operations_cost_nothing(start: Start) -> None:
    client = await client_of(start, rate_limit_default="1/day")
    for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/problems/not_found"):
        answers = [await client.get(path) for _ in range(3)]
        assert [answer.status_code for answer in answers] == [200] * 3
        assert "RateLimit-Limit" not in answers[0].headers


async def test_a_draining_service_closes_connections(service: FastAPI, anybody: AsyncClient) -> None:
    service.state.draining = True
    assert (await anybody.get(ITEMS)).headers["Connection"] == "close"
