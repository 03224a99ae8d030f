"""The endpoints for operations: probes and metrics."""

from __future__ import annotations

import re
import secrets

import httpx

from scaffold.conformance import expect
from scaffold.conformance.accounts import member
from scaffold.conformance.core import check
from scaffold.conformance.discovery import ORDERS, metrics_url
from scaffold.conformance.ordering import place
from scaffold.conformance.service import Account, Answer, Service

ALWAYS = (
    "http_server_request_duration_seconds",
    "http_server_requests_in_flight",
    "db_client_operation_duration_seconds",
    "db_pool_connections",
    "build_info",
)
STRANGE_URLS = 30


@check("REL-1", "GET /livez answers 200 without authentication")
async def liveness_answers(service: Service) -> None:
    expect.status(await service.get("/livez"), 200)


@check("REL-1", "GET /readyz lists each dependency with its state and latency, and is never cached")
async def readiness_names_each_dependency(service: Service) -> None:
    answer = expect.status(await service.get("/readyz"), 200)
    state = expect.member(answer, "status", str)
    expect.that(state in ("ok", "degraded"), "status ok or degraded", state, answer)
    checks = expect.member(answer, "checks", dict)
    expect.that("database" in checks, "a check of the database", sorted(checks), answer)
    for name, found in checks.items():
        expect.that(isinstance(found.get("status"), str), f"a status of {name}", found, answer)
        expect.that(
            isinstance(found.get("latency_ms"), int | float), f"latency_ms of {name}", found, answer
        )
    cached = expect.header(answer, "Cache-Control")
    expect.that("no-store" in cached, "Cache-Control: no-store", cached, answer)


@check("API-7", "probes and metrics are not rate limited")
async def operations_are_not_limited(service: Service) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        answer = await service.get(path)
        limit = answer.headers.get("RateLimit-Limit")
        expect.that(limit is None, "no RateLimit-Limit", limit, answer)


@check("OBS-2", "GET /metrics is a Prometheus exposition with the names and labels of the contract")
async def metrics_have_the_agreed_names(service: Service) -> None:
    await place(service, await member(service))
    answer = await _metrics(service)
    text = answer.body.decode()
    names = {*ALWAYS} | ({"auth_attempts_total"} if service.auth == "jwt" else set())
    missing = sorted(
        name for name in names if not re.search(rf"^(# TYPE )?{name}\b", text, re.MULTILINE)
    )
    expect.that(
        not missing, "every metric of the contract", f"none called {', '.join(missing)}", answer
    )
    for labels in re.findall(
        r"^http_server_request_duration_seconds_count\{(.*)\}", text, re.MULTILINE
    ):
        found = set(re.findall(r'(\w+)="', labels))
        expect.that(
            found == {"method", "route", "status"},
            "labels method, route, status",
            sorted(found),
            answer,
        )


@check("OBS-2", "metrics with a port of their own are not on the main port")
async def metrics_are_on_one_port(service: Service) -> None:
    own = service.options.metrics_url
    if own and httpx.URL(own).netloc != service.client.base_url.netloc:
        expect.status(await service.get("/metrics"), 404)
    else:
        expect.status(await service.get("/metrics"), 200)


@check("OBS-2", "metrics use the route template: unknown URLs, ids and methods add no series")
async def metrics_do_not_grow_with_urls(service: Service) -> None:
    by = await member(service)
    await _visit_strange_urls(service, by, secrets.token_hex(6))
    before = _series(await _metrics(service))
    mark = secrets.token_hex(6)
    await _visit_strange_urls(service, by, mark)
    after = await _metrics(service)
    named = [series for series in _series(after) if mark in series.lower()]
    expect.that(not named, "no series named after a URL or a method", (named or [""])[0], after)
    grown = len(_series(after) - before)
    expect.that(grown < STRANGE_URLS, "no more series after strange URLs", f"{grown} more", after)


async def _visit_strange_urls(service: Service, by: Account, mark: str) -> None:
    for number in range(STRANGE_URLS // 2):
        await service.get(f"/{mark}-{number}/{mark}", by)
        await service.get(f"{ORDERS}/{mark}-{number}", by)
    await service.request(f"X{mark.upper()}", ORDERS, by)


async def _metrics(service: Service) -> Answer:
    url = metrics_url(service.options)
    answer = await service.get(url)
    expect.that(
        answer.status == 200,
        "200 (with METRICS_PORT set, say where: --metrics-url)",
        answer,
        answer,
    )
    kind = expect.header(answer, "Content-Type")
    expect.that(
        kind.startswith(("text/plain", "application/openmetrics-text")), "text/plain", kind, answer
    )
    return answer


def _series(answer: Answer) -> set[str]:
    lines = answer.body.decode().splitlines()
    return {line.rpartition(" ")[0] for line in lines if line and not line.startswith("#")}
