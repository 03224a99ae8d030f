"""What every request passes."""

import asyncio
import time
from collections.abc import AsyncIterator
from unittest.mock import Mock

import pytest
from httpx2 import ASGITransport, AsyncClient

from app import __main__ as process
from tests import callers
from tests.conftest import Start

ITEMS = "/api/probe/items"
SHOP = "https://shop.test"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("sent", "kept"), [("Az09._-", True), ("x" * 128, True), ("x" * 129, False), ("", False), ("ä", False)]
)
async def test_a_request_id_is_kept_if_it_is_well_formed(anybody: AsyncClient, sent: str, kept: bool) -> None:
    answers = [await anybody.get("/livez", headers={b"X-Request-ID": sent.encode()}) for _ in range(2)]
    assert len({answer.headers["X-Request-ID"] for answer in answers} | {sent}) == (1 if kept else 3)


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/api/probe/crash", ITEMS])
async def test_every_answer_has_security_headers(anybody: AsyncClient, path: str) -> None:
    headers = (await anybody.get(path)).headers
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    names = ("X-Content-Type-Options", "Referrer-Policy", "Cache-Control", "Strict-Transport-Security")
    assert [headers.get(name) for name in names] == ["nosniff", "no-referrer", "no-store", None]


async def test_the_docs_may_load_scripts_and_are_compressed(anybody: AsyncClient) -> None:
    assert "script-src" in (await anybody.get("/docs")).headers["Content-Security-Policy"]
    for accepted, encoding in (("br, gzip", "gzip"), ("gzip;q=0.5", "gzip"), ("gzip;q=0, br", None), ("", None)):
        answer = await anybody.get("/openapi.json", headers={"Accept-Encoding": accepted})
        assert answer.headers.get("Content-Encoding") == encoding


async def test_production_insists_on_https_and_serves_no_docs(start: Start) -> None:
    client = callers.anybody(await start(app_env="production", **callers.SECRETS))
    for path in ("/docs", "/openapi.json"):
        answer = await client.get(path)
        assert (answer.status_code, "Strict-Transport-Security" in answer.headers) == (404, True)


@pytest.mark.parametrize(("origins", "granted"), [([], None), (["https://other.test"], None), ([SHOP], SHOP)])
async def test_pages_of_allowed_origins_are_served(start: Start, origins: list[str], granted: str | None) -> None:
    client, headers = callers.anybody(await start(cors_origins=origins)), {"Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS"):
        answer = await client.request(method, ITEMS, headers=headers | {"Origin": SHOP})
        assert answer.headers.get("Access-Control-Allow-Origin") == granted


async def test_hosts_that_are_not_allowed_are_refused(start: Start) -> None:
    client = callers.anybody(await start(allowed_hosts=["shop.test"]))
    for host, status in (("SHOP.test:8000", 200), ("evil.test", 400), ("shop.test.evil.test", 400), ("", 400)):
        assert (await client.get(ITEMS, headers={"Host": host})).status_code == status
        assert (await client.get("/readyz", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize(("size", "status"), [(100, 200), (101, 413)])
async def test_a_body_over_the_limit_is_refused_also_in_chunks(start: Start, size: int, status: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield body[:50]
        yield body[50:]

    body = b'{"name": "x"}'.ljust(size)
    client = callers.anybody(await start(max_body_bytes=100))
    for content in (body, chunks()):
        answer = await client.post(ITEMS, content=content, headers=JSON)
        assert answer.status_code == status


async def test_a_body_without_an_end_is_read_no_further_than_the_limit(start: Start) -> None:
    async def flood() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 50
        raise AssertionError("read on")

    client = callers.anybody(await start(max_body_bytes=100))
    assert (await client.post(ITEMS, content=flood(), headers=JSON)).status_code == 413


@pytest.mark.parametrize(("media_type", "allowed"), [("merge-patch+json", 200), ("x-www-form-urlencoded", 415)])
async def test_bodies_are_json_and_patches_may_say_so(anybody: AsyncClient, media_type: str, allowed: int) -> None:
    for method, status in (("POST", 415), ("PATCH", allowed)):
        headers = {"Content-Type": f"application/{media_type}"}
        assert (await anybody.request(method, ITEMS, content='{"name": "x"}', headers=headers)).status_code == status


async def test_a_request_too_many_is_refused(start: Start) -> None:
    client = callers.anybody(await start(max_concurrency=2))
    answers = await asyncio.gather(*[client.get("/api/probe/slow") for _ in range(4)], client.get("/livez"))
    assert [answer.status_code for answer in answers] == [200, 200, 503, 503, 200]
    assert (answers[2].json()["code"], answers[2].headers["Retry-After"]) == ("overloaded", "1")
    assert (await client.get(ITEMS)).status_code == 200


async def test_those_who_send_slowly_hold_up_nobody_and_not_for_long(start: Start) -> None:
    async def stall() -> AsyncIterator[bytes]:
        yield b'{"name": '
        await asyncio.sleep(10)

    client = callers.anybody(await start(max_concurrency=1, body_timeout_seconds=0.2))
    slow = [asyncio.create_task(client.post(ITEMS, content=stall(), headers=JSON)) for _ in range(3)]
    await asyncio.sleep(0.05)
    assert (await client.get(ITEMS)).status_code == 200
    for answer in await asyncio.gather(*slow):
        assert (answer.json()["code"], answer.headers["Connection"]) == ("request_timeout", "close")
    assert (await client.get(ITEMS)).status_code == 200


async def test_a_body_that_arrives_while_all_places_are_taken_is_refused(start: Start) -> None:
    async def pause() -> AsyncIterator[bytes]:
        await asyncio.sleep(0.05)
        yield b'{"name": "x"}'

    client = callers.anybody(await start(max_concurrency=1))
    sent = asyncio.create_task(client.post(ITEMS, content=pause(), headers=JSON))
    await asyncio.sleep(0.01)
    assert (await client.get("/api/probe/slow")).status_code == 200
    assert (await sent).json()["code"] == "overloaded"


async def test_head_is_answered_as_get_without_the_body(anybody: AsyncClient) -> None:
    head, get = await anybody.head(ITEMS), await anybody.get(ITEMS)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


async def test_a_caller_has_a_budget_that_comes_back(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    client = callers.anybody(await start(rate_limit_default="2/day"))
    answers = [await client.get(ITEMS) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].json()["code"] == "rate_limited"
    assert 0 < int(answers[2].headers["RateLimit-Reset"]) == int(answers[2].headers["Retry-After"]) <= 86_400
    tomorrow = time.time() + 86_400
    assert "RateLimit-Limit" not in (await client.get("/problems/not_found")).headers
    monkeypatch.setattr(time, "time", lambda: tomorrow)
    assert (await client.get(ITEMS)).status_code == 200


@pytest.mark.parametrize(("trusted", "statuses"), [("127.0.0.0/8", [404, 404, 429]), ("10.0.0.0/8", [404, 429, 429])])
async def test_trusted_proxies_alone_tell_who_calls(
    environment: pytest.MonkeyPatch, trusted: str, statuses: list[int]
) -> None:
    environment.setenv("PORT", "0")
    environment.setenv("TRUSTED_PROXIES", trusted)
    environment.setenv("RATE_LIMIT_DEFAULT", "1/day")
    environment.setattr("sys.argv", ["app"])
    environment.setattr(process, "Server", server := Mock())
    process.main()
    config = server.call_args.args[0]
    config.load()
    client = AsyncClient(transport=ASGITransport(config.loaded_app), base_url="http://service.test")
    addresses = ("203.0.113.7", "203.0.113.8", "203.0.113.7")
    answers = [await client.get("/api/nowhere", headers={"X-Forwarded-For": address}) for address in addresses]
    assert [answer.status_code for answer in answers] == statuses
