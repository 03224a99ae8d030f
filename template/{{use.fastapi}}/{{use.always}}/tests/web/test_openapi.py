"""The routes and the document that describes them."""

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
from app.web.errors import PROBLEMS

DOCUMENT: dict[str, Any] = json.loads(Path("docs/openapi.json").read_text())
OPERATIONS = [
    pytest.param(path, method, operation, id=operation["operationId"])
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


@pytest.mark.usefixtures("environment")
def test_the_document_in_the_repository_is_that_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["openapi"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == DOCUMENT, "`make openapi` accepts the change"


def test_the_document_holds_together() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    named = set(re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    assert named == DOCUMENT["components"]["schemas"].keys()


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
async def test_an_operation_is_described(
    anybody: AsyncClient, path: str, method: str, operation: dict[str, Any]
) -> None:
    responses = operation["responses"]
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    assert "X-Request-ID" in next(iter(responses.values()))["headers"]
    expected = {"500", "503"}
    expected |= {"429"} if path.startswith("/api/") else set()
    expected |= {"400", "413", "415", "422"} if "requestBody" in operation else set()
    expected |= {"404"} if "{" in path else set()
    assert expected <= responses.keys()
    for status, response in responses.items():
        if status >= "400" and path != "/readyz":
            assert list(response["content"]) == ["application/problem+json"]
            assert {PROBLEMS[code.strip("`")].status for code in response["description"].split(", ")} == {int(status)}
    answer = await anybody.request(method, path.replace("{", "").replace("}", ""))
    assert str(answer.status_code) in responses


def calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call
    for dependency in dependant.dependencies:
        yield from calls(dependency)


def test_endpoints_and_dependencies_never_wait_for_a_thread(service: FastAPI) -> None:
    called = [call for route in service.routes if isinstance(route, APIRoute) for call in calls(route.dependant)]
    functions = [call if inspect.isroutine(call) else type(call).__call__ for call in called]
    assert functions
    assert [
        call for call in functions if not (inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call))
    ] == []


def test_middleware_wraps_no_requests_and_routes_are_flat(service: FastAPI) -> None:
    classes = [entry.cls for entry in service.user_middleware]
    assert classes
    assert not [cls for cls in classes if isinstance(cls, type) and issubclass(cls, BaseHTTPMiddleware)]
    assert {type(route).__name__ for route in service.routes} <= {"APIRoute", "Route"}
