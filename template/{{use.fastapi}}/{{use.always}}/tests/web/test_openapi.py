"""The OpenAPI document."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import AsyncClient

from app import cli
from app.web.errors import PROBLEMS

DOCUMENT: dict[str, Any] = json.loads(Path("docs/openapi.json").read_text())
OPERATIONS = [
    pytest.param(path, method, operation, id=operation["operationId"])
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        yield from (value for name, value in part.items() if name == "$ref")
        part = list(part.values())
    if isinstance(part, list):
        for item in part:
            yield from references(item)


def test_the_document_in_the_repository_is_that_of_the_code(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cli.main(["openapi"], standalone_mode=False)
    assert json.loads(capsys.readouterr().out) == DOCUMENT, "`make openapi` accepts the change"


def test_the_document_holds_together() -> None:
    assert DOCUMENT["openapi"].startswith("3.1")
    schemas = {f"#/components/schemas/{name}" for name in DOCUMENT["components"]["schemas"]}
    assert set(references(DOCUMENT)) == schemas


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_an_operation_is_described(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"]
    assert "X-Request-ID" in next(iter(operation["responses"].values()))["headers"]
    assert {"500", "503"} <= operation["responses"].keys()
    if path.startswith("/api/"):
        assert "429" in operation["responses"]
        assert "RateLimit-Limit" in next(iter(operation["responses"].values()))["headers"]
    if "requestBody" in operation:
        assert {"400", "413", "415", "422"} <= operation["responses"].keys()
    if "{" in path:
        assert "404" in operation["responses"]


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
def test_an_error_is_a_problem_with_known_codes(path: str, method: str, operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if status >= "400" and path != "/readyz":
            assert list(response["content"]) == ["application/problem+json"]
            codes = [code.strip("`") for code in response["description"].split(", ")]
            assert {PROBLEMS[code].status for code in codes} == {int(status)}


@pytest.mark.parametrize(("path", "method", "operation"), OPERATIONS)
async def test_what_nobody_gets_is_documented(
    anybody: AsyncClient, path: str, method: str, operation: dict[str, Any]
) -> None:
    answer = await anybody.request(method, path.replace("{", "").replace("}", ""))
    assert str(answer.status_code) in operation["responses"]
