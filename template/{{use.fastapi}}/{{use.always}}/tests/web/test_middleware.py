"""What every request passes."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import uvicorn
from httpx2 import ASGITransport, AsyncClient

from app import __main__ as process
from tests import callers
from tests.conftest import Start

ITEMS = "/api/probe/items"
SHOP = "https://shop.test"


@pytest.mark.parametrize("request_id", ["a", "Az09._-", "x" * 128])
async def test_a_request_id_is_kept(anybody: AsyncClient, request_id: str) -> None:
    answer = await anybody.get("/livez", headers={"X-Request-ID": request_id})
    assert answer.headers["X-Request-ID"] == request_id


@pytest.mark.parametrize("request_id", ["", "x" * 129, "a b", "ä", "<script>"])
async def test_a_malformed_request_id_is_replaced(anybody: AsyncClient, request_id: str) -> None:
    answers = [await anybody.get("/livez", headers={b"X-Request-ID": request_id.encode()}) for _ in range(2)]
    assert [len(answer.headers["X-Request-ID"]) for answer in answers] == [32, 32]
    assert answers[0].headers["X-Request-ID"] != answers[1].headers["X-Request-ID"]


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/api/probe/crash", ITEMS])
async def test_every_answer_has_security_headers(anybody: AsyncClient, path: str) -> None:
    headers = (await anybody.get(path)).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["Cache-Control"] == "no-store"
    assert "Strict-Transport-Security" not in headers


async def test_production_insists_on_https_and_serves_no_docs(start: Start, anybody: AsyncClient) -> None:
    assert "script-src" in (await anybody.get("/docs")).headers["Content-Security-Policy"]
    client = callers.anybody(await start(app_env="production", **callers.SECRETS))
    answers = [await client.get(path) for path in ("/docs", "/openapi.json")]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].headers["Strict-Transport-Security"].startswith("max-age=31536000")


async def test_large_answers_are_compressed(anybody: AsyncClient) -> None:
    assert (await anybody.get("/openapi.json")).headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in (await anybody.get("/livez")).headers


@pytest.mark.parametrize(("origins", "granted"), [([], None), (["https://other.test"], None), ([SHOP], SHOP)])
async def test_browsers_are_served_on_pages_of_allowed_origins(
    start: Start, origins: list[str], granted: str | None
) -> None:
    client = callers.anybody(await start(cors_origins=origins))
    for method in ("GET", "OPTIONS"):
        headers = {"Origin": SHOP, "Access-Control-Request-Method": "POST"}
        answer = await client.request(method, ITEMS, headers=headers)
        assert answer.headers.get("Access-Control-Allow-Origin") == granted


async def test_hosts_that_are_not_allowed_are_refused(start: Start) -> None:
    client = callers.anybody(await start(allowed_hosts=["shop.test"]))
    for host in ("shop.test", "shop.test:8000", "SHOP.test"):
        assert (await client.get(ITEMS, headers={"Host": host})).status_code == 200
    for host in ("evil.test", "shop.test.evil.test", ""):
        assert (await client.get(ITEMS, headers={"Host": host})).status_code == 400
        assert (await client.get("/readyz", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(("size", "status"), [(100, 200), (101, 413)])
async def test_a_body_over_the_limit_is_refused_also_in_chunks(start: Start, size: int, status: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for character in body:
            yield character.encode()

    body = '{"name": "x"}'.ljust(size)
    client = callers.anybody(await start(max_body_bytes=100))
    for content in (body, chunks()):
        answer = await client.post(ITEMS, content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("method", "media_type", "status"),
    [
        ("POST", "Application/JSON; charset=utf-8", 200),
        ("PATCH", "application/merge-patch+json", 200),
        ("POST", "application/merge-patch+json", 415),
        ("POST", "application/x-www-form-urlencoded", 415),
        ("POST", "", 415),
    ],
)
async def test_bodies_are_json(anybody: AsyncClient, method: str, media_type: str, status: int) -> None:
    answer = await anybody.request(method, ITEMS, content=b'{"name": "x"}', headers={"Content-Type": media_type})
    assert answer.status_code == status


async def test_a_request_too_many_is_refused(start: Start) -> None:
    client = callers.anybody(await start(max_concurrency=2))
    answers = await asyncio.gather(*[client.get("/api/probe/slow") for _ in range(4)], client.get("/livez"))
    assert [answer.status_code for answer in answers] == [200, 200, 503, 503, 200]
    assert (answers[2].json()["code"], answers[2].headers["Retry-After"]) == ("overloaded", "1")
    assert (await client.get(ITEMS)).status_code == 200


async def test_a_caller_has_a_budget_that_comes_back(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    client = callers.anybody(await start(rate_limit_default="2/day"))
    answers = [await client.get(ITEMS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert (answers[0].headers["RateLimit-Limit"], answers[2].json()["code"]) == ("2", "rate_limited")
    assert 0 < int(answers[2].headers["RateLimit-Reset"]) == int(answers[2].headers["Retry-After"]) <= 86_400
    tomorrow = time.time() + 86_400
    monkeypatch.setattr(time, "time", lambda: tomorrow)
    assert (await client.get(ITEMS)).status_code == 200


async def test_operations_cost_nothing(start: Start) -> None:
    client = callers.anybody(await start(rate_limit_default="1/day"))
    for path in ("/livez", "/readyz", "/metrics", "/openapi.json", "/problems/not_found") * 2:
        answer = await client.get(path)
        assert (answer.status_code, "RateLimit-Limit" in answer.headers) == (200, False)


@pytest.mark.parametrize(("trusted", "statuses"), [("127.0.0.0/8", [404, 404, 429]), ("10.0.0.0/8", [404, 429, 429])])
async def test_trusted_proxies_alone_tell_who_calls(
    environment: pytest.MonkeyPatch, trusted: str, statuses: list[int]
) -> None:
    served: list[uvicorn.Config] = []
    environment.setenv("TRUSTED_PROXIES", trusted)
    environment.setenv("RATE_LIMIT_DEFAULT", "1/day")
    environment.setattr("sys.argv", ["app"])
    environment.setattr(process.Server, "__init__", lambda server, config, *_: served.append(config))
    environment.setattr(process.Server, "run", lambda server: None)
    process.main()
    served[0].load()
    client = AsyncClient(transport=ASGITransport(served[0].loaded_app), base_url="http://service.test")
    callers_behind = ("203.0.113.7", "203.0.113.8", "203.0.113.7")
    answers = [await client.get("/api/nowhere", headers={"X-Forwarded-For": caller}) for caller in callers_behind]
    assert [answer.status_code for answer in answers] == statuses
