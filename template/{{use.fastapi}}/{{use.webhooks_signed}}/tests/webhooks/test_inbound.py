"""Webhooks of other services: verified, and each one has one effect."""

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from pydantic import ValidationError
from standardwebhooks import Webhook

from app import clock
from app.config import Settings
from app.database import Database
from app.messaging import Queue
from app.messaging.events import Event
from app.webhooks import retention
from app.webhooks.inbound import RECEIVED
from tests import callers
from tests.conftest import Start
from tests.messaging.conftest import handler
from tests.messaging.workers import work

SECRET, OLD_SECRET = ("whsec_" + base64.b64encode(bytes([byte]) * 32).decode() for byte in (1, 2))
BODY = json.dumps({"type": "invoice.paid", "data": {"amount": "12.50"}}).encode()


@pytest.fixture
async def service(start: Start, queue: None) -> FastAPI:
    return await start(webhook_secrets=f"billing={SECRET}, billing={OLD_SECRET}", max_body_bytes=1000)


@pytest.fixture
def client(service: FastAPI) -> AsyncClient:
    return callers.anybody(service)


def signed(webhook_id: str = "msg_1", secret: str = SECRET, body: bytes = BODY, age: float = 0) -> dict[str, str]:
    sent_at = clock.now() - timedelta(seconds=age)
    return {
        "Content-Type": "application/json",
        "webhook-id": webhook_id,
        "webhook-timestamp": str(int(sent_at.timestamp())),
        "webhook-signature": Webhook(secret).sign(webhook_id, sent_at, body.decode()),
    }


async def send(
    client: AsyncClient, headers: Mapping[str, str], source: str = "billing", body: bytes = BODY
) -> Response:
    return await client.post(f"/api/v1/webhooks/{source}", content=body, headers=headers)


async def events(service: FastAPI) -> list[Event]:
    """The events of the webhooks that were accepted. They leave the queue."""
    received = handler()
    while await work(Queue(service.state.settings, service.state.database), {RECEIVED: (received,)}):
        pass
    return [call.args[1] for call in received.await_args_list]


@pytest.mark.parametrize("secret", [SECRET, OLD_SECRET])
async def test_a_signed_webhook_becomes_an_event(service: FastAPI, client: AsyncClient, secret: str) -> None:
    answer = await send(client, signed(secret=secret))

    assert (answer.status_code, answer.content) == (202, b"")
    [event] = await events(service)
    assert event.subject == "msg_1"
    assert event.data == {"source": "billing", "payload": json.loads(BODY)}


async def test_a_repeated_webhook_has_no_effect(service: FastAPI, client: AsyncClient) -> None:
    first, again = await send(client, signed()), await send(client, signed(age=-1))

    assert (first.status_code, again.status_code) == (202, 202)
    assert len(await events(service)) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook-signature": "v1," + base64.b64encode(bytes(32)).decode()},
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,not base64"},
        {"webhook-signature": ""},
        {"webhook-id": "another"},
        {"webhook-timestamp": "1"},
        {"webhook-timestamp": "soon"},
        signed(secret="whsec_" + base64.b64encode(bytes(32)).decode()),
    ],
)
async def test_a_webhook_that_is_not_signed_is_refused(
    service: FastAPI, client: AsyncClient, changes: dict[str, str]
) -> None:
    answer = await send(client, signed() | changes)

    assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Webhook-Signature"
    assert await events(service) == []


@pytest.mark.parametrize("age", [310, -310])
async def test_a_webhook_of_another_time_is_refused(client: AsyncClient, age: float) -> None:
    assert (await send(client, signed(age=age))).status_code == 401


async def test_a_changed_body_is_refused(client: AsyncClient) -> None:
    assert (await send(client, signed(), body=BODY.replace(b"12", b"13"))).status_code == 401


async def test_a_webhook_of_an_unknown_source_is_refused(client: AsyncClient) -> None:
    assert (await send(client, signed(), source="shop")).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"), [(b"[]", 422), (b"{", 400), (b'{"a": "' + b"a" * 1000 + b'"}', 413), (b'{"a": "\xff"}', 400)]
)
async def test_a_body_that_is_no_object_or_too_large_is_refused(client: AsyncClient, body: bytes, status: int) -> None:
    assert (await send(client, signed(), body=body)).status_code == status


async def test_the_api_document_says_that_the_signature_is_needed(client: AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()

    [requirement] = document["paths"]["/api/v1/webhooks/{source}"]["post"]["security"]
    schemes = [document["components"]["securitySchemes"][name] for name in requirement]
    assert [(scheme["in"], scheme["name"]) for scheme in schemes] == [("header", "webhook-signature")]


async def test_ids_are_forgotten_after_a_week(
    service: FastAPI, client: AsyncClient, database: Database, pass_time: Callable[[float], None]
) -> None:
    week = 8 * 86_400
    await send(client, signed())
    pass_time(week)
    async with database.transaction() as session:
        for job in retention.jobs:
            await job.run(session)

    await send(client, signed(age=week))

    assert len(await events(service)) == 2


def test_the_published_test_vector_is_signed_alike() -> None:
    """https://github.com/standard-webhooks/standard-webhooks, the example of the specification."""
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # it is published
    moment = datetime.fromtimestamp(1614265330, UTC)

    signature = Webhook(secret).sign("msg_p5jXN8AQM9LWM0D4loKWxJek", moment, '{"test": 2432232314}')

    assert signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "changes",
    [
        {"webhook_secrets": "billing=hunter2"},
        {"webhook_secrets": "billing"},
        {"webhook_secrets": "billing=whsec_"},
        {"webhook_signing_keys": "too short"},
    ],
)
def test_invalid_secrets_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Settings(**changes)
