"""The middleware that every request passes."""

import asyncio
import re
import time
from collections.abc import AsyncIterator
from unittest.mock import Mock

import pytest
from httpx2 import ASGITransport, AsyncClient, Response

from app import __main__ as process
from tests import callers, production
from tests.conftest import Start

ITEMS = "/api/probe/items"
SHOP = "https://shop.test"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("sent", "kept"), [("Az09._-", True), ("x" * 128, True), ("x" * 129, False), ("", False), ("ä", False)]
)
async def test_a_request_id_is_kept_if_it_is_well_formed(anybody: AsyncClient, sent: str, kept: bool) -> None:
    headers = {b"X-Request-ID": sent.encode()}

    first, second = [(await anybody.get("/livez", headers=headers)).headers["X-Request-ID"] for _ in range(2)]

    if kept:
        assert first == second == sent
    else:
        assert len({first, second, sent}) == 3


@pytest.mark.parametrize("path", ["/livez", "/nowhere", "/api/probe/crash", ITEMS])
async def test_every_answer_has_security_headers(anybody: AsyncClient, path: str) -> None:
    headers = (await anybody.get(path)).headers
    assert headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
    names = ("X-Content-Type-Options", "Referrer-Policy", "Cache-Control", "Strict-Transport-Security")
    assert [headers.get(name) for name in names] == ["nosniff", "no-referrer", "no-store", None]


async def test_the_docs_load_nothing_from_other_hosts(anybody: AsyncClient) -> None:
    page = await anybody.get("/docs")
    assert "https://" not in page.text + page.headers["Content-Security-Policy"]
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(loaded) >= 3
    for path in loaded:
        assert (await anybody.get(path)).status_code == 200, path


@pytest.mark.parametrize(
    ("accepted", "encoding"), [("br, gzip", "gzip"), ("gzip;q=0.5", "gzip"), ("gzip;q=0, br", None), ("", None)]
)
async def test_bodies_are_compressed_for_clients_that_accept_it(
    anybody: AsyncClient, accepted: str, encoding: str | None
) -> None:
    answer = await anybody.get("/openapi.json", headers={"Accept-Encoding": accepted})

    assert answer.headers.get("Content-Encoding") == encoding


async def test_production_sends_hsts_and_serves_no_docs(start: Start) -> None:
    client = callers.anybody(await start(app_env="production", **production.SECRETS))
    for path in ("/docs", "/openapi.json"):
        answer = await client.get(path)
        assert answer.status_code == 404
        assert "Strict-Transport-Security" in answer.headers


@pytest.mark.parametrize(("origins", "granted"), [([], None), (["https://other.test"], None), ([SHOP], SHOP)])
async def test_only_allowed_origins_get_cors_headers(start: Start, origins: list[str], granted: str | None) -> None:
    client = callers.anybody(await start(cors_origins=origins))
    headers = {"Origin": SHOP, "Access-Control-Request-Method": "POST"}
    for method in ("GET", "OPTIONS"):
        answer = await client.request(method, ITEMS, headers=headers)
        assert answer.headers.get("Access-Control-Allow-Origin") == granted


async def test_cors_exposes_the_headers_of_limits_and_deprecations(start: Start) -> None:
    client = callers.anybody(await start(cors_origins=[SHOP]))
    answer = await client.get(f"{ITEMS}/1", headers={"Origin": SHOP})
    exposed = set(answer.headers["Access-Control-Expose-Headers"].split(", "))
    limits = {"Retry-After", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"}
    assert exposed >= limits | {"Deprecation", "Sunset"}


@pytest.mark.parametrize("accepted", ["", "gzip"])
async def test_responses_vary_by_encoding_and_origin(start: Start, accepted: str) -> None:
    client = callers.anybody(await start(cors_origins=[SHOP]))

    answer = await client.get("/openapi.json", headers={"Origin": SHOP, "Accept-Encoding": accepted})

    assert sorted(answer.headers["Vary"].lower().split(", ")) == ["accept-encoding", "origin"]


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("shop.test", 200),
        ("SHOP.test:8000", 200),
        ("eu.tea.test", 200),
        ("EU.Tea.Test", 200),
        ("evil.test", 400),
        ("shop.test.evil.test", 400),
        ("eviltea.test", 400),
        ("", 400),
    ],
)
async def test_only_allowed_hosts_are_served(start: Start, host: str, status: int) -> None:
    client = callers.anybody(await start(allowed_hosts=["Shop.test", "*.tea.test"]))

    answer = await client.get(ITEMS, headers={"Host": host})

    assert answer.status_code == status
    if status == 400:
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_probes_may_use_any_host(start: Start) -> None:
    client = callers.anybody(await start(allowed_hosts=["shop.test"]))

    assert (await client.get("/readyz", headers={"Host": "10.0.0.7:8000"})).status_code == 200


@pytest.mark.parametrize(("size", "status"), [(100, 200), (101, 413)])
async def test_a_body_over_the_limit_is_refused_even_in_chunks(start: Start, size: int, status: int) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield body[:50]
        yield body[50:]

    body = b'{"name": "x"}'.ljust(size)
    client = callers.anybody(await start(max_body_bytes=100))
    for content in (body, chunks()):
        answer = await client.post(ITEMS, content=content, headers=JSON)
        assert answer.status_code == status


async def test_an_endless_body_is_read_only_up_to_the_limit(start: Start) -> None:
    async def flood() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b" " * 50
        raise AssertionError("read on")

    client = callers.anybody(await start(max_body_bytes=100))
    assert (await client.post(ITEMS, content=flood(), headers=JSON)).status_code == 413


@pytest.mark.parametrize(("media_type", "allowed"), [("merge-patch+json", 200), ("x-www-form-urlencoded", 415)])
async def test_bodies_must_be_json_or_a_merge_patch(anybody: AsyncClient, media_type: str, allowed: int) -> None:
    for method, status in (("POST", 415), ("PATCH", allowed)):
        headers = {"Content-Type": f"application/{media_type}"}
        assert (await anybody.request(method, ITEMS, content='{"name": "x"}', headers=headers)).status_code == status


async def test_requests_beyond_max_concurrency_are_refused(start: Start) -> None:
    client = callers.anybody(await start(max_concurrency=2))
    answers = await asyncio.gather(*[client.get("/api/probe/slow") for _ in range(4)], client.get("/livez"))
    assert [answer.status_code for answer in answers] == [200, 200, 503, 503, 200]
    assert (answers[2].json()["code"], answers[2].headers["Retry-After"]) == ("overloaded", "1")
    assert (await client.get(ITEMS)).status_code == 200


async def test_slow_uploads_do_not_use_up_the_concurrency(start: Start) -> None:
    client = callers.anybody(await start(max_concurrency=1, body_timeout_seconds=0.2))
    slow = [await begin_upload(client) for _ in range(3)]

    assert (await client.get(ITEMS)).status_code == 200

    for answer in await asyncio.gather(*slow):
        assert (answer.json()["code"], answer.headers["Connection"]) == ("request_timeout", "close")
    assert (await client.get(ITEMS)).status_code == 200


async def test_a_request_is_refused_when_its_body_arrives_while_the_service_is_busy(start: Start) -> None:
    client = callers.anybody(await start(max_concurrency=1))
    sent = await begin_upload(client, seconds=0.05)

    assert (await client.get("/api/probe/slow")).status_code == 200
    assert (await sent).json()["code"] == "overloaded"


async def test_the_number_of_uploads_is_bounded(start: Start) -> None:
    client = callers.anybody(await start(max_concurrency=1, max_uploads=2, body_timeout_seconds=0.2))
    slow = [await begin_upload(client) for _ in range(2)]

    refused = await client.post(ITEMS, json={"name": "x"})

    assert (refused.status_code, refused.json()["code"]) == (503, "overloaded")
    await asyncio.gather(*slow)
    assert (await client.post(ITEMS, json={"name": "x"})).status_code == 200


async def test_the_size_of_all_uploads_is_bounded(start: Start) -> None:
    limits = {"max_body_bytes": 100, "max_upload_bytes": 150, "body_timeout_seconds": 0.2}
    client = callers.anybody(await start(**limits))
    slow = [asyncio.create_task(client.post(ITEMS, content=stalled(b" " * 90), headers=JSON)) for _ in range(3)]

    codes = [answer.json()["code"] for answer in await asyncio.gather(*slow)]

    assert sorted(codes) == ["overloaded", "overloaded", "request_timeout"]
    assert (await client.post(ITEMS, json={"name": "x"})).status_code == 200


async def test_head_is_answered_as_get_without_the_body(anybody: AsyncClient) -> None:
    head, get = await anybody.head(ITEMS), await anybody.get(ITEMS)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"]


async def test_requests_beyond_the_rate_limit_are_refused(start: Start) -> None:
    client = callers.anybody(await start(rate_limit_default="2/day"))

    answers = [await client.get(ITEMS) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert [answer.headers["RateLimit-Remaining"] for answer in answers] == ["1", "0", "0"]
    assert answers[2].json()["code"] == "rate_limited"
    assert 0 < int(answers[2].headers["RateLimit-Reset"]) == int(answers[2].headers["Retry-After"]) <= 86_400


async def test_the_rate_limit_starts_again_in_the_next_window(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    client = callers.anybody(await start(rate_limit_default="1/day"))
    assert [(await client.get(ITEMS)).status_code for _ in range(2)] == [200, 429]
    tomorrow = time.time() + 86_400
    monkeypatch.setattr(time, "time", lambda: tomorrow)

    assert (await client.get(ITEMS)).status_code == 200


@pytest.mark.parametrize("path", ["/problems/not_found", "/nowhere", "/reports", "/docs-of-others"])
async def test_the_rate_limit_applies_outside_of_the_api_too(start: Start, path: str) -> None:
    client = callers.anybody(await start(rate_limit_default="1/day"))

    assert (await client.get(path)).status_code != 429
    assert (await client.get(path)).status_code == 429


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics", "/openapi.json", "/docs"])
async def test_probes_and_docs_have_no_rate_limit(start: Start, path: str) -> None:
    client = callers.anybody(await start(rate_limit_default="1/day"))

    answers = [await client.get(path) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200] * 3
    assert "RateLimit-Limit" not in answers[0].headers


@pytest.mark.parametrize(("trusted", "statuses"), [("127.0.0.0/8", [404, 404, 429]), ("10.0.0.0/8", [404, 429, 429])])
async def test_only_trusted_proxies_may_set_the_address_of_the_client(
    environment: pytest.MonkeyPatch, trusted: str, statuses: list[int]
) -> None:
    environment.setenv("PORT", "0")
    environment.setenv("TRUSTED_PROXIES", trusted)
    environment.setenv("RATE_LIMIT_DEFAULT", "1/day")
    environment.setattr("sys.argv", ["app"])
    server = Mock()
    environment.setattr(process, "Server", server)
    environment.setattr(process, "check_servers", Mock())
    process.main()
    config = server.call_args.args[0]
    config.load()
    client = AsyncClient(transport=ASGITransport(config.loaded_app), base_url="http://service.test")
    addresses = ("203.0.113.7", "203.0.113.8", "203.0.113.7")
    answers = [await client.get("/api/nowhere", headers={"X-Forwarded-For": address}) for address in addresses]
    await server.call_args.args[1].cache.aclose()
    assert [answer.status_code for answer in answers] == statuses


async def begin_upload(client: AsyncClient, seconds: float = 10) -> asyncio.Task[Response]:
    """A request whose body is being received. The second part arrives after `seconds`."""
    begun = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        begun.set()
        yield b'{"name": '
        await asyncio.sleep(seconds)
        yield b'"x"}'

    request = asyncio.create_task(client.post(ITEMS, content=body(), headers=JSON))
    await begun.wait()
    return request


async def stalled(first: bytes) -> AsyncIterator[bytes]:
    """A body whose second part does not arrive in time."""
    yield first
    await asyncio.sleep(10)
