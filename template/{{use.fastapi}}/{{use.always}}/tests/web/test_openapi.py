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
from app.problems import PROBLEMS

DOCUMENT: dict[str, Any] = json.loads(Path("docs/openapi.json").read_text())
OPERATIONS = [(path, method) for path, methods in DOCUMENT["paths"].items() for method in methods]


@pytest.mark.usefixtures("environment")
def test_the_document_in_the_repository_is_that_of_the_code(capsys: pytest.CaptureFixture[str]) -> None:
    cli.main(["openapi"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == DOCUMENT, "`make openapi` accepts the change"
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(DOCUMENT)))
    assert named == DOCUMENT["components"]["schemas"].keys()


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
async def test_an_operation_is_described(anybody: AsyncClient, path: str, method: str) -> None:
    operation = DOCUMENT["paths"][path][method]
    responses = operation["responses"]
    assert {"summary", "description", "tags"} <= operation.keys()
    assert "X-Request-ID" in next(iter(responses.values()))["headers"]
    anywhere = {"500"} if path in ("/livez", "/metrics") else {"500", "503"}
    assert anywhere | ({"429"} if path.startswith("/api/") else set()) <= responses.keys()
    for status, response in responses.items():
        if status >= "400" and path != "/readyz":
            assert list(response["content"]) == ["application/problem+json"]
            assert {PROBLEMS[code.strip("`")].status for code in response["description"].split(", ")} == {int(status)}
    preconditions = [each["required"] for each in operation.get("parameters", []) if each["name"] == "If-Match"]
    assert (True in preconditions) == ("428" in responses)
    answer = await anybody.request(method, path.replace("{", "").replace("}", ""))
    assert str(answer.status_code) in responses


def calls(dependant: Dependant) -> Iterator[Any]:
    yield dependant.call if inspect.isroutine(dependant.call) else type(dependant.call).__call__
    for dependency in dependant.dependencies:
        yield from calls(dependency)


async def test_nothing_waits_for_a_thread_or_wraps_requests(service: FastAPI) -> None:
    called = [call for route in service.routes if isinstance(route, APIRoute) for call in calls(route.dependant)]
    assert called
    assert all(inspect.iscoroutinefunction(call) or inspect.isasyncgenfunction(call) for call in called)
    assert not [entry for entry in service.user_middleware if BaseHTTPMiddleware in getattr(entry.cls, "__mro__", ())]
