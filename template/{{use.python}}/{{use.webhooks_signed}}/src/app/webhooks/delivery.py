"""Delivers events to the endpoints of users.

A delivery is claimed in one transaction, sent outside of any, and its result is stored in another one. If the worker
dies in between, the delivery is sent again with the same `webhook-id`.
"""

import asyncio
import json
import secrets as random
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus

import structlog
from standardwebhooks import Webhook

from app import clock
from app.config import Settings
from app.database import Database
from app.http_client import CallError, CircuitOpenError, HttpClient, Reply, policy_for_users
from app.lifecycle import wait
from app.messaging.events import Event
from app.messaging.handlers import caused_by, dead_letters, handled
from app.webhooks import repository, secrets, service
from app.webhooks.events import DeliveryGivenUp
from app.webhooks.models import WebhookDelivery, WebhookEndpoint
from app.webhooks.service import DELIVERY
from app.webhooks.status import DeliveryStatus

log = structlog.get_logger()

PAUSES = (5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
"""The seconds after each failed attempt, about as Standard Webhooks recommends. After one more, it is given up."""
MAX_RETRY_AFTER_SECONDS = 86_400
AT_ONCE = 50
"""The calls of one process."""
LEASE_MARGIN_SECONDS = 20
"""A lease is longer than a call may take by this time, which is for the transactions."""

_random = random.SystemRandom()


async def deliver(settings: Settings, database: Database, stop: asyncio.Event) -> None:
    """Deliver what is due until `stop` is set. Calls in flight are finished first."""
    async with HttpClient(settings, "webhooks", policy=policy_for_users(settings)) as http:
        await _Deliverer(settings, database, http).run(stop)


@dataclass(frozen=True, slots=True)
class _Result:
    """What became of one attempt."""

    error: str | None = None
    """Why it failed; None if the event was delivered."""
    retry_after: float = 0
    """The shortest pause before the next attempt, in seconds."""
    was_sent: bool = True
    is_final: bool = False
    """Whether no further attempt would help."""


class _Deliverer:
    def __init__(self, settings: Settings, database: Database, http: HttpClient) -> None:
        self._settings = settings
        self._database = database
        self._http = http
        self._lease_seconds = settings.http_client_timeout_seconds + LEASE_MARGIN_SECONDS
        self._disable_after = timedelta(seconds=settings.webhook_disable_after_seconds)
        self._calls: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        database.listen(repository.CHANNEL, self._wake.set)

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._wake.clear()
            if len(self._calls) < AT_ONCE:
                await self._start_due()
            # A new delivery and the end of a call wake it. A delivery of another process is found by polling.
            await wait(self._wake, self._settings.queue_poll_seconds)
        if self._calls:
            await asyncio.wait(self._calls)

    async def _start_due(self) -> None:
        limit = AT_ONCE - len(self._calls)
        try:
            async with self._database.transaction() as session:
                claimed = await repository.claim(session, clock.new_id(), limit=limit, seconds=self._lease_seconds)
        except Exception as error:  # the next poll may succeed
            log.warning("deliveries not claimed", error=repr(error))
            return
        for delivery, endpoint in claimed:
            call = asyncio.create_task(self._deliver(delivery, endpoint))
            self._calls.add(call)
            call.add_done_callback(self._end)

    def _end(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        self._wake.set()

    async def _deliver(self, delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> None:
        with caused_by(delivery):
            try:
                result = await self._send(delivery, endpoint)
                handled.labels(DELIVERY, "failed" if result.error else "ok").inc()
                await self._store(delivery, endpoint, result)
            except Exception as error:  # when the lease has expired, the delivery is sent again
                log.error("delivery not completed", exc_info=error)

    async def _send(self, delivery: WebhookDelivery, endpoint: WebhookEndpoint) -> _Result:
        if endpoint.disabled:
            return _Result("the endpoint is disabled", was_sent=False, is_final=True)
        body = json.dumps(delivery.event)
        headers = {"Content-Type": "application/json", **self._signature(delivery, endpoint, body)}
        try:
            reply = await self._http.send("POST", endpoint.url, content=body.encode(), headers=headers)
        except CircuitOpenError as error:
            return _Result(str(error), retry_after=error.retry_after, was_sent=False)
        except CallError as error:
            return _Result(str(error))
        return _result_of(reply)

    def _signature(self, delivery: WebhookDelivery, endpoint: WebhookEndpoint, body: str) -> dict[str, str]:
        now, keys = clock.now(), self._settings.webhook_signing_keys
        names = [endpoint.secret]
        if endpoint.previous_secret and endpoint.previous_secret_until and endpoint.previous_secret_until > now:
            names.append(endpoint.previous_secret)
        signatures = [Webhook(secrets.secret_of(keys, name)).sign(str(delivery.id), now, body) for name in names]
        return {
            "webhook-id": str(delivery.id),
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    async def _store(self, delivery: WebhookDelivery, endpoint: WebhookEndpoint, result: _Result) -> None:
        # Two transactions: who deletes an endpoint locks it before its deliveries, so they could wait for each other.
        await self._store_delivery(delivery, endpoint, result)
        await self._store_health(endpoint, result)

    async def _store_delivery(self, delivery: WebhookDelivery, endpoint: WebhookEndpoint, result: _Result) -> None:
        async with self._database.transaction() as session:
            if result.error is None:
                await repository.finish(session, delivery, DeliveryStatus.DELIVERED, None)
                return
            log.warning("delivery failed", type=delivery.type, attempts=delivery.attempts, error=result.error)
            if not result.is_final and not result.was_sent:
                await repository.postpone(session, delivery, result.error, seconds=result.retry_after)
                return
            if not result.is_final and delivery.attempts <= len(PAUSES):
                seconds = max(PAUSES[delivery.attempts - 1], result.retry_after) * _random.uniform(1, 1.2)
                await repository.retry(session, delivery, result.error, seconds=seconds)
                return
            if await repository.finish(session, delivery, DeliveryStatus.FAILED, result.error):
                data = DeliveryGivenUp(endpoint_id=endpoint.id).model_dump(mode="json")
                dead = Event(type=DELIVERY, subject=str(delivery.id), data=data)
                owner, attempts = endpoint.owner, delivery.attempts
                repository.add_dead_letter(session, dead, owner=owner, attempts=attempts, error=result.error)
                dead_letters.labels(DELIVERY).inc()

    async def _store_health(self, endpoint: WebhookEndpoint, result: _Result) -> None:
        """Note since when an endpoint fails. Disable one that fails for days, or that says it is gone."""
        now = clock.now()
        if not result.was_sent or (result.error is None and endpoint.failing_since is None):
            return
        async with self._database.transaction() as session:
            if result.error is None:
                await repository.set_failing_since(session, endpoint.id, None)
            elif result.is_final:
                await service.disable(session, endpoint.id, result.error)
            elif endpoint.failing_since is None:
                await repository.set_failing_since(session, endpoint.id, now)
            elif now - endpoint.failing_since >= self._disable_after:
                reason = f"every delivery failed since {clock.rfc3339(endpoint.failing_since)}: {result.error}"
                await service.disable(session, endpoint.id, reason)


def _result_of(reply: Reply) -> _Result:
    if 200 <= reply.status < 300:
        return _Result()
    pause = min(reply.retry_after or 0, MAX_RETRY_AFTER_SECONDS)
    return _Result(f"HTTP status {reply.status}", retry_after=pause, is_final=reply.status == HTTPStatus.GONE)
