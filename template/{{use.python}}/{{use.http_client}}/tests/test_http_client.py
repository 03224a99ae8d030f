"""Calls of other services, on a real server."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from prometheus_client import REGISTRY
from pydantic import ValidationError

from app import clock, context, http_client
from app.config import Settings
from app.context import RequestContext
from app.http_client import (
    FAILURES_TO_OPEN,
    CallError,
    CircuitOpenError,
    HttpClient,
    RefusedUrlError,
    ResponseTooLargeError,
    check_url,
    policy_for_users,
)
from tests.receivers import Answer, Receiver, receiving

CERTIFICATE = Path(__file__).with_name("hooks.example.com.pem")
"""A certificate for tests, its own authority, and its key."""
PUBLIC, LOOPBACK = "93.184.215.14", "127.0.0.1"


def settings(**changes: Any) -> Settings:
    defaults: dict[str, Any] = {"app_env": "test", "http_client_timeout_seconds": 2}
    return Settings(**defaults | changes)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
async def trusting() -> AsyncIterator[HttpClient]:
    """A client for URLs of the configuration."""
    async with HttpClient(settings(), "test") as client:
        yield client


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let each lookup of a name find the next of these addresses. Returns the names that were looked up.

    `A B` are two addresses that one lookup finds.
    """

    def to(*answers: str) -> list[str]:
        left, names = list(answers), list[str]()

        def lookup(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
            names.append(host)
            addresses = (left.pop(0) if len(left) > 1 else left[0]).split()
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", lookup)
        return names

    return to


def calls(status: str) -> float:
    labels = {"peer": "test", "status": status}
    return REGISTRY.get_sample_value("http_client_request_duration_seconds_count", labels) or 0


async def test_a_call_passes_the_ids_of_the_request_on_and_is_measured(
    trusting: HttpClient, receiver: Receiver
) -> None:
    before = calls("204")
    context.enter(RequestContext(request_id="the-cause", traceparent="00-ab-cd-01"))

    reply = await trusting.send("POST", receiver.url(), content=b"{}", headers={"Content-Type": "application/json"})

    [request] = receiver.requests
    assert (reply.status, request.method, request.body) == (204, "POST", b"{}")
    assert (request.headers["X-Request-ID"], request.headers["traceparent"]) == ("the-cause", "00-ab-cd-01")
    assert calls("204") == before + 1


@pytest.mark.parametrize(
    ("method", "headers", "count"), [("GET", {}, 2), ("POST", {}, 1), ("POST", {"Idempotency-Key": "k"}, 2)]
)
async def test_only_what_is_safe_to_repeat_is_tried_again(
    trusting: HttpClient, receiver: Receiver, method: str, headers: dict[str, str], count: int
) -> None:
    receiver.answers = [Answer(503), Answer(200)]

    reply = await trusting.send(method, receiver.url(), headers=headers)

    assert (len(receiver.requests), reply.status) == (count, 200 if count > 1 else 503)


async def test_the_last_response_is_returned_when_no_attempt_succeeds(trusting: HttpClient, receiver: Receiver) -> None:
    receiver.answers = [Answer(503, {"Retry-After": "0"}, b"sorry")]

    reply = await trusting.send("GET", receiver.url())

    assert (reply.status, reply.body, len(receiver.requests)) == (503, b"sorry", http_client.ATTEMPTS)


async def test_retry_after_is_honoured_and_one_that_is_too_long_ends_the_call(
    trusting: HttpClient, receiver: Receiver
) -> None:
    receiver.answers = [Answer(429, {"Retry-After": "1"}), Answer(429, {"Retry-After": "60"})]
    started_at = asyncio.get_running_loop().time()

    reply = await trusting.send("GET", receiver.url())

    assert (reply.status, reply.retry_after, len(receiver.requests)) == (429, 60, 2)
    assert asyncio.get_running_loop().time() - started_at >= 1


async def test_retry_after_may_be_a_date() -> None:
    moment = clock.now() + timedelta(seconds=90)
    reply = http_client.Reply(503, {"Retry-After": moment.strftime("%a, %d %b %Y %H:%M:%S GMT")}, b"")

    assert reply.retry_after is not None
    assert 80 < reply.retry_after <= 90
    assert http_client.Reply(503, {"Retry-After": "soon"}, b"").retry_after is None


async def test_a_call_ends_at_its_deadline(receiver: Receiver) -> None:
    receiver.answers = [Answer(after_seconds=2)]
    async with HttpClient(settings(http_client_timeout_seconds=0.2), "test") as client:
        with pytest.raises(CallError):
            await asyncio.wait_for(client.send("POST", receiver.url()), 1)


async def test_a_redirect_is_not_followed(trusting: HttpClient, receiver: Receiver) -> None:
    receiver.answers = [Answer(302, {"Location": "/elsewhere"})]

    assert (await trusting.send("GET", receiver.url())).status == 302
    assert len(receiver.requests) == 1


async def test_a_response_has_a_size_limit(
    trusting: HttpClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "MAX_RESPONSE_BYTES", 10)
    receiver.answers = [Answer(200, body=b"12345678901")]

    with pytest.raises(ResponseTooLargeError):
        await trusting.send("GET", receiver.url())


async def test_a_host_that_keeps_failing_is_not_called_until_a_trial_succeeds(
    trusting: HttpClient, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    def is_open() -> float | None:
        return REGISTRY.get_sample_value("circuit_breaker_state", {"peer": "test"})

    monkeypatch.setattr(http_client, "OPEN_SECONDS", 0.3)
    receiver.answers = [Answer(503)]
    for _ in range(FAILURES_TO_OPEN):
        await trusting.send("POST", receiver.url())
    with pytest.raises(CircuitOpenError) as refused:
        await trusting.send("POST", receiver.url())
    assert 0 < refused.value.retry_after <= http_client.OPEN_SECONDS
    assert (len(receiver.requests), is_open()) == (FAILURES_TO_OPEN, 1)

    await asyncio.sleep(http_client.OPEN_SECONDS)
    receiver.answers = [Answer(200)]
    assert (await trusting.send("POST", receiver.url())).status == 200
    assert is_open() == 0


async def test_calls_to_one_host_are_limited(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "CALLS_PER_HOST", 2)
    receiver.answers = [Answer(after_seconds=0.2)]
    async with HttpClient(settings(), "test") as client:
        sent = [asyncio.create_task(client.send("POST", receiver.url())) for _ in range(4)]
        await asyncio.sleep(0.15)
        assert len(receiver.requests) == 2
        await asyncio.gather(*sent)
    assert len(receiver.requests) == 4


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "https://example.com:22/",
        "https://user:secret@example.com/",
        "https://127.0.0.1/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "https://[fe80::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::]/",
        "https://2130706433/",
        "file:///etc/passwd",
    ],
)
async def test_a_url_of_a_user_may_not_lead_inside(url: str) -> None:
    with pytest.raises(RefusedUrlError):
        check_url(settings(), url)
    async with HttpClient(settings(), "test", policy=policy_for_users(settings())) as client:
        with pytest.raises(RefusedUrlError):
            await client.send("POST", url)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104  # no server listens there: calls to it reach this machine
    ],
)
async def test_a_name_of_a_user_may_not_lead_inside(resolves: Callable[..., list[str]], address: str) -> None:
    resolves(address)
    check_url(settings(), "https://example.com/")
    async with HttpClient(settings(), "test", policy=policy_for_users(settings())) as client:
        with pytest.raises(RefusedUrlError):
            await client.send("POST", "https://example.com/")


async def test_a_name_is_looked_up_once_so_that_its_address_cannot_change_after_the_check(
    resolves: Callable[..., list[str]], receiver: Receiver
) -> None:
    allowed = settings(app_env="development")
    async with HttpClient(allowed, "test", policy=policy_for_users(allowed)) as client:
        names = resolves(LOOPBACK, PUBLIC)
        reply = await client.send("POST", receiver.url("hooks.example.com"))

    assert (reply.status, names) == (204, ["hooks.example.com"])
    assert receiver.requests[0].headers["Host"] == f"hooks.example.com:{receiver.port}"


async def test_if_one_address_of_a_name_does_not_answer_the_next_one_is_called(
    resolves: Callable[..., list[str]], receiver: Receiver
) -> None:
    allowed = settings(app_env="development")
    async with HttpClient(allowed, "test", policy=policy_for_users(allowed)) as client:
        resolves(f"127.0.0.2 {LOOPBACK}")
        assert (await client.send("POST", receiver.url("hooks.example.com"))).status == 204
        resolves("127.0.0.2 127.0.0.3")
        with pytest.raises(CallError, match="no connection"):
            await client.send("POST", receiver.url("hooks.example.com"))


async def test_a_name_with_one_private_address_is_refused(resolves: Callable[..., list[str]]) -> None:
    resolves(f"{PUBLIC} 10.0.0.1")
    async with HttpClient(settings(), "test", policy=policy_for_users(settings())) as client:
        with pytest.raises(RefusedUrlError):
            await client.send("POST", "https://example.com/")


async def test_a_name_that_does_not_exist_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Mock(side_effect=socket.gaierror))
    async with HttpClient(settings(), "test", policy=policy_for_users(settings())) as client:
        with pytest.raises(CallError, match="not known"):
            await client.send("POST", "https://missing.example.com/")


@pytest.mark.parametrize(
    "changes", [{"http_client_allowed_ports": "https"}, {"http_client_allowed_networks": "everything"}]
)
def test_invalid_settings_are_refused(changes: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**changes)


@pytest.mark.parametrize(("name", "is_trusted"), [("hooks.example.com", True), ("other.example.com", False)])
async def test_the_certificate_must_have_the_name_and_not_the_address(
    resolves: Callable[..., list[str]],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    is_trusted: bool,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATE))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(CERTIFICATE)
    allowed = settings(app_env="development")
    with receiving(server) as receiver:
        async with HttpClient(allowed, "test", policy=policy_for_users(allowed)) as client:
            resolves(LOOPBACK)
            call = client.send("POST", f"https://{name}:{receiver.port}/")
            if is_trusted:
                assert (await call).status == 204
            else:
                with pytest.raises(CallError, match="no connection"):
                    await call
