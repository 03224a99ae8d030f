"""The API: everything is put together here, and nowhere else."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

import app
from app import auth, logs, metrics, orders, worker
from app.cache import Cache
from app.config import Settings, settings_or_exit
from app.database import Database
from app.web import errors, health, openapi
from app.web.middleware import Compression, Cors, Envelope, Guard

COMPRESSED_FROM_BYTES = 1024


def create_app(settings: Settings | None = None) -> FastAPI:
    """The application, ready to be served. Nothing is connected before it starts."""
    settings = settings or settings_or_exit()
    logs.configure(settings)
    database = Database(settings)

    service = FastAPI(
        title=app.NAME,
        version=app.__version__,
        description=app.__doc__ or "",
        lifespan=_lifespan,
        openapi_url="/openapi.json" if settings.serves_docs else None,
        docs_url=None,
        redoc_url=None,
        # Left on, FastAPI looks for an exporter of OpenTelemetry at each request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        redirect_slashes=False,
    )
    service.state.settings = settings
    service.state.database = database
    service.state.authenticator = authenticator = auth.Authenticator(settings, database)
    service.state.draining = False

    routers = [orders.router, *auth.routers, health.router, errors.router]
    if settings.metrics_port is None:
        routers.append(health.metrics_router)
    if settings.serves_docs:
        routers.append(openapi.router)
    for router in routers:
        # Flat, not nested as `include_router` does: a level more is a second match for each request.
        service.router.routes.extend(router.routes)

    errors.install(service)
    openapi.install(service)

    # The last one added is the first one a request passes.
    service.add_middleware(Compression, minimum_size=COMPRESSED_FROM_BYTES, compresslevel=5)
    service.add_middleware(
        Guard, settings=settings, cache=Cache(), authenticate=authenticator, budgets=auth.budgets(settings)
    )
    if settings.cors_origins:
        service.add_middleware(
            Cors,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match"],
            expose_headers=["ETag", "Link", "Location", "X-Request-ID", "Idempotent-Replayed"],
        )
    service.add_middleware(Envelope, settings=settings, state=service.state)
    return service


@asynccontextmanager
async def _lifespan(service: FastAPI) -> AsyncIterator[None]:
    settings: Settings = service.state.settings
    with metrics.served(settings):
        async with service.state.database as database, worker.beside_api(settings, database):
            metrics.watch_pool(database.connections)
            # What start-up made lives as long as the process: the collector need not look at it again.
            gc.collect()
            gc.freeze()
            gc.set_threshold(2_000, 20, 50)
            yield
