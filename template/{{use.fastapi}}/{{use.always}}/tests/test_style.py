"""What keeps the service quick and its parts apart."""

import inspect
from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.middleware.base import BaseHTTPMiddleware


def calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for dependency in dependant.dependencies:
        yield from calls(dependency)


def is_asynchronous(call: Any) -> bool:
    function = call if inspect.isroutine(call) else type(call).__call__
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


async def test_endpoints_and_dependencies_never_wait_for_a_thread(service: FastAPI) -> None:
    routes = [route for route in service.routes if isinstance(route, APIRoute)]
    assert routes
    blocking = [call for route in routes for call in calls(route.dependant) if not is_asynchronous(call)]
    assert blocking == []


async def test_middleware_wraps_no_requests(service: FastAPI) -> None:
    middleware = [entry.cls for entry in service.user_middleware]
    assert middleware
    assert not [cls for cls in middleware if isinstance(cls, type) and issubclass(cls, BaseHTTPMiddleware)]


async def test_routes_are_flat(service: FastAPI) -> None:
    assert {type(route).__name__ for route in service.routes} <= {"APIRoute", "Route"}
