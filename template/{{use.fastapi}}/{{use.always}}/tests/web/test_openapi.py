"""The OpenAPI document, and rules for all routes and middleware."""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from httpx2 import AsyncClient
from starlette.middleware.base import BaseHTTPMiddleware

from app import cli
from app.problems import PROBLEMS

DOCUMENT: dict[str, Any] = json.loads(Path("docs/openapi.json").read_text())
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]


@pytest.mark.usefixtures("environment")
def test_the_committed_openapi_document_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["openapi"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == DOCUMENT, "run `make openapi` to accept the change"
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    assert named == DOCUMENT["components"]["schemas"].keys()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
async def test_an_operation_is_described(anybody: AsyncClient, path: str, method: str) -> None:
    operation = DOCUMENT["paths"][path][method]
    responses = operation["responses"]
    assert {"summary", "description", "tags"} <= operation.keys()
    assert "X-Request-ID" in next(iter(responses.values()))["headers"]
    expected = {"500"} if path in ("/livez", "/metrics") else {"500", "503"}
    assert expected <= responses.keys()
    for status, response in responses.items():
        if status >= "400" and path != "/readyz":
            assert list(response["content"]) == ["application/problem+json"]
            assert {PROBLEMS[code.strip("`")].status for code in response["description"].split(", ")} == {int(status)}
    parameters = operation.get("parameters", [])
    requires_if_match = any(each["name"] == "If-Match" and each["required"] for each in parameters)
    assert requires_if_match == ("428" in responses)
    answer = await anybody.request(method, path.replace("{", "").replace("}", ""))
    assert str(answer.status_code) in responses
    is_limited = "RateLimit-Limit" in answer.headers
    assert is_limited == ("429" in responses)
    assert all(is_limited == ("RateLimit-Limit" in response["headers"]) for response in responses.values())


def called_functions(dependant: Dependant) -> Iterator[Any]:
    """The functions of a route and of its dependencies."""
    yield dependant.call if inspect.isroutine(dependant.call) else type(dependant.call).__call__
    for dependency in dependant.dependencies:
        yield from called_functions(dependency)


async def test_all_routes_and_dependencies_are_async(service: FastAPI) -> None:
    routes = [route for route in service.routes if isinstance(route, APIRoute)]
    functions = [function for route in routes for function in called_functions(route.dependant)]
    assert functions
    for function in functions:
        assert inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function), function


async def test_no_middleware_is_a_base_http_middleware(service: FastAPI) -> None:
    assert not [entry for entry in service.user_middleware if BaseHTTPMiddleware in getattr(entry.cls, "__mro__", ())]
