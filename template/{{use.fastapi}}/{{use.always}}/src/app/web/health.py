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


class Liveness(BaseModel):
    status: Literal["ok"] = "ok"


class Check(BaseModel):
    status: Literal["ok", "unavailable"]
    latency_ms: float


class Readiness(BaseModel):
    status: Literal["ok", "degraded", "unavailable"]
    checks: dict[str, Check]


router = APIRouter(tags=["operations"])
metrics_router = APIRouter(tags=["operations"])


@router.get("/livez", operation_id="live")
async def live() -> Liveness:
    """Whether the process can serve. Looks at nothing else."""
    return Liveness()


@router.get("/readyz", operation_id="ready", responses={503: {"model": Readiness}})
async def ready(request: Request, response: Response) -> Readiness:
    """Whether the process should get requests: not while it shuts down or its database does not answer."""
    state = request.app.state
    checks = {"database": await _check("database", state.database.ping)}
    if state.draining or any(check.status != "ok" for check in checks.values()):
        response.status_code = 503
        return Readiness(status="unavailable", checks=checks)
    return Readiness(status="ok", checks=checks)


@metrics_router.get("/metrics", operation_id="metrics", response_class=PlainTextResponse)
async def metrics() -> Response:
    """Metrics in Prometheus' text format."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _check(name: str, ping: Callable[[], Awaitable[None]]) -> Check:
    started_at, task = time.perf_counter(), asyncio.ensure_future(ping())
    # Not `asyncio.timeout`: that waits until the driver has cleaned up, which may hang like the database itself.
    await asyncio.wait([task], timeout=CHECK_TIMEOUT_SECONDS)
    failure = task.exception() if task.done() else TimeoutError()
    if failure:
        task.cancel()
        log.warning("check failed", check=name, error=repr(failure))
    latency_ms = round((time.perf_counter() - started_at) * 1000, 2)
    return Check(status="unavailable" if failure else "ok", latency_ms=latency_ms)
