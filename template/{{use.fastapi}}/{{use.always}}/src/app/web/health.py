"""Probes and metrics, for the platform that runs the service."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

log = structlog.get_logger()

CHECK_TIMEOUT_SECONDS = 1
REUSE_SECONDS = 1
"""How long a result is reused, so that frequent probes do not load the dependency."""


class Liveness(BaseModel):
    status: Literal["ok"] = "ok"


class Check(BaseModel):
    status: Literal["ok", "unavailable"]
    latency_ms: float


class Readiness(BaseModel):
    status: Literal["ok", "degraded", "unavailable"]
    checks: dict[str, Check]


class HealthCheck:
    """Checks one dependency. Concurrent probes share one check.

    Without a required dependency, the service is unavailable; without another one, it is degraded.
    """

    def __init__(self, name: str, ping: Callable[[], Awaitable[None]], *, required: bool) -> None:
        self.name = name
        self.required = required
        self._ping = ping
        self._running: asyncio.Task[Check] | None = None
        self._valid_until = 0.0

    async def result(self) -> Check:
        """The result of a check that ended less than a second ago or is still running."""
        if self._running is None or (self._running.done() and time.monotonic() >= self._valid_until):
            self._running = asyncio.create_task(self._check())
        return await asyncio.shield(self._running)

    async def _check(self) -> Check:
        started_at = time.perf_counter()
        task = asyncio.ensure_future(self._ping())
        # `asyncio.timeout` would wait for the cleanup of the driver, which may hang, too.
        await asyncio.wait([task], timeout=CHECK_TIMEOUT_SECONDS)
        failure = task.exception() if task.done() else TimeoutError()
        if failure:
            task.cancel()
            log.warning("check failed", check=self.name, error=repr(failure))
        latency_ms = round((time.perf_counter() - started_at) * 1000, 2)
        self._valid_until = time.monotonic() + REUSE_SECONDS
        return Check(status="unavailable" if failure else "ok", latency_ms=latency_ms)


router = APIRouter(tags=["operations"])
metrics_router = APIRouter(tags=["operations"])


@router.get("/livez", operation_id="live")
async def live() -> Liveness:
    """Whether the process can serve. It checks nothing else."""
    return Liveness()


@router.get("/readyz", operation_id="ready", responses={503: {"model": Readiness}})
async def ready(request: Request, response: Response) -> Readiness:
    """Whether the process should get requests: not while it shuts down, or while its database does not answer.

    Without another dependency, the service works on; then the status is `degraded`.
    """
    checks: list[HealthCheck] = request.app.state.checks
    results = dict(zip(checks, await asyncio.gather(*(check.result() for check in checks)), strict=True))
    failed = [check for check, result in results.items() if result.status != "ok"]
    by_name = {check.name: result for check, result in results.items()}
    if request.app.state.draining or any(check.required for check in failed):
        response.status_code = 503
        return Readiness(status="unavailable", checks=by_name)
    return Readiness(status="degraded" if failed else "ok", checks=by_name)


@metrics_router.get("/metrics", operation_id="metrics", response_class=PlainTextResponse)
async def metrics() -> Response:
    """Metrics in the text format of Prometheus."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
