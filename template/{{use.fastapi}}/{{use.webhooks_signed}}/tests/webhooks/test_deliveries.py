"""Events reach the endpoints that want them, signed, at least once."""

import asyncio
import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner
from fastapi import FastAPI
from httpx2 import AsyncClient
from standardwebhooks import Webhook, WebhookVerificationError

from app import cli, clock, webhooks
from app.context import RequestContext, entered
from app.database import Database
from app.http_client import FAILURES_TO_OPEN
from app.messaging import Queue
from app.messaging.events import Event, publish
from app.pagination import PageQuery
from app.permissions import SERVICE
from app.webhooks import delivery as sending
from app.webhooks import repository, retention, secrets
from app.webhooks.delivery import PAUSES
from app.webhooks.repository import Endpoints
from app.webhooks.status import DeliveryStatus
from tests import callers
from tests.conftest import Start
from tests.messaging.workers import work
from tests.receivers import Answer, Receiver
from tests.webhooks.conftest import ENDPOINTS, Deliver, deliveries, delivering, receives, subscribe

DAY = 86_400


async def ping(client: AsyncClient, endpoint: dict[str, Any]) -> None:
    assert (await client.post(f"{ENDPOINTS}/{endpoint['id']}/pings")).status_code == 202


async def test_a_delivery_is_signed_with_the_secret_of_the_endpoint(
    member: AsyncClient, receiver: Receiver, deliver: Deliver
) -> None:
    endpoint = await subscribe(member, receiver)
    await ping(member, endpoint)

    await deliver()

    [request] = receiver.requests
    event = Webhook(endpoint["secret"]).verify(request.body, dict(request.headers))
    assert (event["specversion"], event["type"], event["subject"]) == ("1.0", "webhook.ping", endpoint["id"])
    assert request.headers["Content-Type"] == "application/json"
    [delivery] = await deliveries(member, endpoint)
    assert (delivery["id"], delivery["status"]) == (request.headers["webhook-id"], "delivered")
    with pytest.raises(WebhookVerificationError):
        Webhook(endpoint["secret"]).verify(request.body + b" ", dict(request.headers))


async def test_after_a_rotation_both_secrets_are_valid_for_a_day(
    member: AsyncClient, receiver: Receiver, deliver: Deliver, pass_time: Callable[[float], None]
) -> None:
    endpoint = await subscribe(member, receiver)
    new = (await member.post(f"{ENDPOINTS}/{endpoint['id']}/secrets")).json()["secret"]
    await ping(member, endpoint)
    await deliver()
    for secret in (endpoint["secret"], new):
        Webhook(secret).verify(receiver.requests[0].body, dict(receiver.requests[0].headers))

    pass_time(DAY + 1)
    await ping(member, endpoint)
    await deliver()

    assert len(receiver.requests[1].headers["webhook-signature"].split()) == 1


async def test_no_table_holds_a_secret_and_a_new_key_leaves_the_old_secrets_valid() -> None:
    old, new = "o" * 32, "n" * 32
    name = secrets.new_name([old])
    secret = secrets.secret_of([old], name)

    assert secrets.secret_of([new, old], name) == secret
    assert secret not in name
    with pytest.raises(LookupError, match="lacks the key"):
        secrets.secret_of([new], name)


async def test_each_endpoint_of_the_owner_gets_the_events_that_it_wants(
    member: AsyncClient, receiver: Receiver, database: Database, deliver: Deliver
) -> None:
    wants_it, wants_all = await subscribe(member, receiver, "tea.poured"), await subscribe(member, receiver, "*")
    wants_other = await subscribe(member, receiver, "cup.broken")
    await notify(database, "cup-1", owner=await owner_of(database, wants_it))
    await notify(database, "cup-2", owner="somebody else")

    await deliver()

    assert [json.loads(request.body)["subject"] for request in receiver.requests] == ["cup-1", "cup-1"]
    for endpoint, expected in ((wants_it, ["tea.poured"]), (wants_all, ["tea.poured"]), (wants_other, [])):
        assert [delivery["type"] for delivery in await deliveries(member, endpoint)] == expected


async def test_a_published_event_reaches_its_subscribers_with_the_owner_of_the_message(
    member: AsyncClient, receiver: Receiver, service: FastAPI, database: Database, deliver: Deliver
) -> None:
    owner = await owner_of(database, await subscribe(member, receiver))
    event = Event(type="tea.poured", subject="cup-1", data={})
    async with database.transaction() as session:
        with entered(RequestContext(request_id="the-cause")):
            await publish(session, event, owner=owner)

    await work(Queue(service.state.settings, database), {"tea.poured": (webhooks.notify_subscribers,)})
    await deliver()

    [request] = receiver.requests
    assert Event.model_validate_json(request.body) == event
    assert b"owner" not in request.body
    assert request.headers["X-Request-ID"] == "the-cause"


async def test_a_failed_delivery_is_repeated_later_with_the_same_id(
    member: AsyncClient, receiver: Receiver, deliver: Deliver, pass_time: Callable[[float], None]
) -> None:
    receiver.answers = [Answer(500), Answer(204)]
    endpoint = await subscribe(member, receiver)
    await ping(member, endpoint)

    await deliver()
    await deliver()
    assert len(receiver.requests) == 1, "the next attempt is not due yet"
    [delivery] = await deliveries(member, endpoint)
    assert (delivery["status"], delivery["attempts"], delivery["last_error"]) == ("pending", 1, "HTTP status 500")
    pass_time(2 * PAUSES[0])
    await deliver()

    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert (await deliveries(member, endpoint))[0]["status"] == "delivered"


async def test_retry_after_of_the_receiver_is_honoured(
    member: AsyncClient, receiver: Receiver, deliver: Deliver, pass_time: Callable[[float], None]
) -> None:
    receiver.answers = [Answer(429, {"Retry-After": "600"}), Answer(204)]
    await ping(member, await subscribe(member, receiver))
    await deliver()

    pass_time(590)
    await deliver()
    assert len(receiver.requests) == 1
    pass_time(200)
    await deliver()
    assert len(receiver.requests) == 2


async def test_a_delivery_that_never_succeeds_becomes_a_dead_letter_that_can_be_redriven(
    member: AsyncClient,
    receiver: Receiver,
    deliver: Deliver,
    pass_time: Callable[[float], None],
    environment: pytest.MonkeyPatch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sending, "PAUSES", PAUSES[:1])
    receiver.answers = [Answer(500)]
    endpoint = await subscribe(member, receiver)
    await ping(member, endpoint)
    for _ in range(4):
        await deliver()
        pass_time(DAY)

    assert len(receiver.requests) == 2
    assert (await deliveries(member, endpoint))[0]["status"] == "failed"
    assert "webhook.delivery  HTTP status 500" in await dead_letters("list")

    receiver.answers = [Answer(204)]
    assert await dead_letters("redrive") == "1 sent\n"
    await deliver()
    assert (await deliveries(member, endpoint))[0]["status"] == "delivered"
    assert await dead_letters("list") == ""


async def test_an_endpoint_that_fails_for_days_is_disabled_and_its_deliveries_fail(
    member: AsyncClient, receiver: Receiver, deliver: Deliver, pass_time: Callable[[float], None]
) -> None:
    receiver.answers = [Answer(500)]
    endpoint = await subscribe(member, receiver)
    await ping(member, endpoint)
    await deliver()
    pass_time(4 * DAY)
    assert not (await found(member, endpoint))["disabled"]
    await deliver()

    disabled = await found(member, endpoint)
    assert disabled["disabled"]
    assert disabled["disabled_reason"].startswith("every delivery failed since 20")
    pass_time(DAY)
    await deliver()
    assert len(receiver.requests) == 2
    assert (await deliveries(member, endpoint))[0]["last_error"] == "the endpoint is disabled"


async def test_one_success_ends_the_days_of_failures(
    member: AsyncClient, receiver: Receiver, deliver: Deliver, pass_time: Callable[[float], None]
) -> None:
    receiver.answers = [Answer(500), Answer(204), Answer(500)]
    endpoint = await subscribe(member, receiver)
    await ping(member, endpoint)
    for _ in range(2):
        await deliver()
        pass_time(4 * DAY)
    await ping(member, endpoint)
    await deliver()

    assert len(receiver.requests) == 3
    assert not (await found(member, endpoint))["disabled"]


async def test_an_endpoint_that_says_it_is_gone_is_disabled_at_once(
    member: AsyncClient, receiver: Receiver, deliver: Deliver
) -> None:
    receiver.answers = [Answer(410)]
    endpoint = await subscribe(member, receiver)
    await ping(member, endpoint)

    await deliver()

    assert (await found(member, endpoint))["disabled_reason"] == "HTTP status 410"
    assert (await deliveries(member, endpoint))[0]["status"] == "failed"


async def test_while_a_host_is_not_called_the_deliveries_to_it_use_up_no_attempts(
    member: AsyncClient, receiver: Receiver, deliver: Deliver
) -> None:
    receiver.answers = [Answer(503)]
    endpoint = await subscribe(member, receiver)
    for _ in range(20):
        await ping(member, endpoint)

    await deliver()

    made = len(receiver.requests)
    assert FAILURES_TO_OPEN <= made < 20
    assert sum(delivery["attempts"] for delivery in await deliveries(member, endpoint)) == made


async def test_no_transaction_is_open_while_the_receiver_is_slow(
    member: AsyncClient, receiver: Receiver, service: FastAPI, database: Database
) -> None:
    receiver.answers = [Answer(after_seconds=1)]
    endpoint = await subscribe(member, receiver)
    await ping(member, endpoint)

    async with delivering(service):
        await receives(receiver, 1)
        assert database.connections()["in_use"] == 0
        assert (await deliveries(member, endpoint))[0]["status"] == "pending"

    assert (await deliveries(member, endpoint))[0]["status"] == "delivered"


async def test_a_delivery_of_a_worker_that_died_is_sent_again(
    member: AsyncClient, receiver: Receiver, database: Database, deliver: Deliver, pass_time: Callable[[float], None]
) -> None:
    await ping(member, await subscribe(member, receiver))
    async with database.transaction() as session:
        [(lost, _)] = await repository.claim(session, clock.new_id(), limit=1, seconds=30)
    await deliver()
    assert receiver.requests == []

    pass_time(31)
    await deliver()

    assert [request.headers["webhook-id"] for request in receiver.requests] == [str(lost.id)]
    async with database.transaction() as session:
        assert not await repository.finish(session, lost, DeliveryStatus.FAILED, "late"), "its lease is lost"


async def test_the_embedded_worker_delivers(start: Start, receiver: Receiver, queue: None) -> None:
    service = await start(app_env="development", embedded_worker=True)
    member = await callers.member(service)
    await ping(member, await subscribe(member, receiver))

    await receives(receiver, 1)


async def test_old_deliveries_are_deleted(
    member: AsyncClient, receiver: Receiver, database: Database, deliver: Deliver, pass_time: Callable[[float], None]
) -> None:
    endpoint = await subscribe(member, receiver)
    await ping(member, endpoint)
    await deliver()
    for days, count in ((29, 1), (2, 0)):
        pass_time(days * DAY)
        async with database.transaction() as session:
            for job in retention.jobs:
                await job.run(session)
        async with database.reading() as session:
            page = await repository.page_of_deliveries(session, UUID(endpoint["id"]), PageQuery())
        assert len(page.rows) == count


async def test_erasing_a_user_deletes_the_endpoints_and_deliveries(
    member: AsyncClient, receiver: Receiver, service: FastAPI, database: Database, deliver: Deliver
) -> None:
    endpoint = await subscribe(member, receiver)
    await ping(member, endpoint)
    owner = await owner_of(database, endpoint)
    [personal] = [each for each in service.state.personal_data if each.name == "webhook_endpoints"]
    assert personal.export
    async with database.transaction() as session:
        [exported] = await personal.export(session, owner)
        await personal.erase(session, owner)

    assert (exported["url"], "secret" in exported) == (receiver.url(), False)
    assert (await member.get(f"{ENDPOINTS}/{endpoint['id']}")).status_code == 404
    await deliver()
    assert receiver.requests == []


async def found(client: AsyncClient, endpoint: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = (await client.get(f"{ENDPOINTS}/{endpoint['id']}")).json()
    return answer


async def owner_of(database: Database, endpoint: dict[str, Any]) -> str:
    async with database.reading() as session:
        return (await Endpoints(session, SERVICE).get(UUID(endpoint["id"]))).owner


async def notify(database: Database, subject: str, *, owner: str) -> None:
    """Handle an event as the worker does."""
    async with database.transaction() as session:
        await webhooks.notify_subscribers(session, Event(type="tea.poured", subject=subject, data={}, owner=owner))


async def dead_letters(command: str) -> str:
    result = await asyncio.to_thread(CliRunner().invoke, cli.main, ["dead-letters", command])
    assert result.exit_code == 0, result.output
    return result.stdout
