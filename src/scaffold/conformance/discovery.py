"""Finds out which service answers at a URL, and with which choices it was generated."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import httpx

from scaffold.conformance.service import Answer, Auth, Options, Service
from scaffold.conformance.verdicts import Failure
from scaffold.terminal.errors import Problem

ORDERS = "/api/v1/orders"
CONNECTIONS = 64


@asynccontextmanager
async def discovered(options: Options, notify: Callable[[str], None]) -> AsyncIterator[Service]:
    """The service at `options.url` with its choices; its connections are closed at the end.

    Raises `Problem` when the URL is invalid, nothing answers in time, or the answer is not that of
    such a service.
    """
    async with _client(options) as client:
        service = Service(options, client, notify=notify)
        readyz, document, orders, metrics = await _first_answers(service)
        if not _is_such_a_service(readyz, document, orders):
            raise Problem(
                f"{options.url} does not answer like a service that scaffold made "
                f"(GET {orders.path}: {orders})",
                "give the address that the service itself prints, without a path",
            )
        service.openapi = _as_object(document)
        service.auth = _auth(service.openapi, orders)
        service.publishes = service.settles = _publishes(service.openapi, metrics)
        yield service


def schemes_of(document: dict[str, Any], operation: dict[str, Any]) -> list[dict[str, Any]]:
    """The security schemes that an operation of the document accepts."""
    known = (document.get("components") or {}).get("securitySchemes") or {}
    required = operation.get("security", document.get("security")) or []
    return [known[name] for requirement in required for name in requirement if name in known]


def is_bearer(scheme: dict[str, Any]) -> bool:
    """Whether callers send a token in `Authorization: Bearer`."""
    return scheme.get("type") == "http" and str(scheme.get("scheme")).lower() == "bearer"


def metrics_url(options: Options) -> str:
    """The URL of the metrics: the given one, else on the main port."""
    return options.metrics_url or "/metrics"


def _client(options: Options) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=_checked(options.url),
        timeout=options.timeout,
        # Requests reach the service itself, as they are: no proxy, redirect or unasked encoding.
        trust_env=False,
        follow_redirects=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "scaffold-verify"},
        limits=httpx.Limits(max_connections=CONNECTIONS, keepalive_expiry=2),
    )


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        well_formed = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        well_formed = False
    if not well_formed:
        raise Problem(
            f"{url!r} is not the address of a service", "give one like http://localhost:8000"
        )
    if parts.query or parts.fragment:
        raise Problem(
            f"{url!r} has more than an address", f"give {url.partition('?')[0].partition('#')[0]}"
        )
    return url.rstrip("/")


async def _first_answers(service: Service) -> list[Answer]:
    try:
        async with asyncio.timeout(service.options.timeout):
            # One by one: the first failure is then the only one, and nothing is left running.
            return [
                await service.get(path, patient=False)
                for path in ("/readyz", "/openapi.json", ORDERS, metrics_url(service.options))
            ]
    except TimeoutError:
        got = f"none within {service.options.timeout:g} s"
    except Failure as failure:
        got = failure.got
    raise Problem(
        f"no answer from {service.options.url}: {got}",
        "start the service first (make dev), or look at host and port",
    )


def _is_such_a_service(readyz: Answer, document: Answer, orders: Answer) -> bool:
    """Whether one sign of such a service is found; the checks report what is missing."""
    return (
        "checks" in _object(readyz)
        or ORDERS in _object(document).get("paths", {})
        or "problem+json" in orders.headers.get("Content-Type", "")
    )


def _as_object(answer: Answer) -> dict[str, Any] | None:
    return _object(answer) if answer.status == HTTPStatus.OK else None


def _auth(document: dict[str, Any] | None, orders: Answer) -> Auth:
    """How the callers of orders prove who they are. Other routes may want a signature instead."""
    document = document or {}
    schemes = schemes_of(document, (document.get("paths", {}).get(ORDERS) or {}).get("get") or {})
    if not schemes:
        return "jwt" if orders.status == HTTPStatus.UNAUTHORIZED else "none"
    if any(map(is_bearer, schemes)):
        return "jwt"
    kinds = ", ".join(sorted(str(scheme.get("type")) for scheme in schemes))
    raise Problem(
        f"the service identifies its callers by {kinds}, which this version cannot check",
        "it checks services with JWT and services without accounts",
    )


def _publishes(document: dict[str, Any] | None, metrics: Answer) -> bool:
    """Whether the service has a queue, by its OpenAPI document or its outbox metric."""
    create = ((document or {}).get("paths", {}).get(ORDERS) or {}).get("post")
    return "order.placed" in json.dumps(create) or b"outbox_pending" in metrics.body


def _object(answer: Answer) -> dict[str, Any]:
    try:
        body = json.loads(answer.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}
