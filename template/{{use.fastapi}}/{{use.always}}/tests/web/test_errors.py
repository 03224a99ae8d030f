"""Every error is a problem document (RFC 9457)."""

from dataclasses import asdict
from typing import get_args

import pytest
from httpx2 import AsyncClient
from structlog.testing import capture_logs

from app.errors import Code
from app.problems import PROBLEMS

ITEMS = "/api/probe/items"
JSON = {"Content-Type": "application/json"}


async def test_a_problem_has_the_fields_of_the_contract(anybody: AsyncClient) -> None:
    answer = await anybody.get("/nowhere", headers={"X-Request-ID": "r1"})

    problem = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert problem["timestamp"].endswith("Z")
    expected = {
        "type": "/problems/not_found",
        "title": "Not found",
        "status": 404,
        "instance": "/nowhere",
        "code": "not_found",
        "request_id": "r1",
    }
    assert problem.items() >= expected.items()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", f"{ITEMS}/first", "", 404, "not_found"),
        ("DELETE", ITEMS, "", 405, "method_not_allowed"),
        ("POST", ITEMS, "{", 400, "malformed_json"),
        ("POST", ITEMS, "[" * 100_000, 400, "malformed_json"),
        ("GET", f"{ITEMS}?limit=101", "", 400, "invalid_parameter"),
        ("GET", f"{ITEMS}?unknown=1", "", 400, "invalid_parameter"),
    ],
)
async def test_errors_of_the_framework_are_problems(
    anybody: AsyncClient, method: str, path: str, body: str, status: int, code: str
) -> None:
    answer = await anybody.request(method, path, content=body, headers=JSON)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_405_response_lists_the_allowed_methods(anybody: AsyncClient) -> None:
    answer = await anybody.delete(ITEMS)

    assert answer.headers["Allow"] == "GET, HEAD, PATCH, POST"


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "invalid_parameter"),
        (403, "permission_denied"),
        (409, "conflict"),
        (418, "im_a_teapot"),
        (499, "status_499"),
        (503, "unavailable"),
    ],
)
async def test_an_http_exception_keeps_its_status_detail_and_headers(
    anybody: AsyncClient, status: int, code: str
) -> None:
    answer = await anybody.get(f"/api/probe/errors/{status}")

    assert (answer.status_code, answer.json()["status"], answer.json()["code"]) == (status, status, code)
    assert answer.json()["detail"] == "The teapot is empty"
    assert answer.headers["X-Teapot"] == "empty"
    assert answer.headers["Content-Type"] == "application/problem+json"


async def test_an_http_exception_with_status_500_reveals_nothing(anybody: AsyncClient) -> None:
    answer = await anybody.get("/api/probe/errors/500")

    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "teapot" not in answer.text


async def test_each_invalid_field_of_the_body_is_reported_with_a_pointer(anybody: AsyncClient) -> None:
    answer = await anybody.post(ITEMS, json={"parts": [1, "two"], "a/b~c": 1})

    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert answer.json()["detail"] == "3 fields are not valid"
    errors = {error["pointer"]: error["code"] for error in answer.json()["errors"]}
    assert errors == {"/name": "missing", "/parts/1": "int_type", "/a~1b~0c": "extra_forbidden"}


@pytest.mark.parametrize("value", [True, "2", 2.5, 2.0, None])
async def test_values_of_another_json_type_are_not_converted(anybody: AsyncClient, value: object) -> None:
    answer = await anybody.post(ITEMS, json={"name": "a", "parts": [value]})

    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == ["/parts/0"]


async def test_a_crash_reveals_its_cause_only_in_the_log(anybody: AsyncClient) -> None:
    with capture_logs() as lines:
        answer = await anybody.get("/api/probe/crash")

    assert any(isinstance(line.get("exc_info"), RuntimeError) for line in lines)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
    for secret in ("RuntimeError", "SELECT", "passwd", "Traceback", "conftest.py"):
        assert secret not in f"{answer.text} {answer.headers}"


async def test_every_code_has_a_status_and_a_description(anybody: AsyncClient) -> None:
    assert set(get_args(Code)) <= PROBLEMS.keys()
    for code, problem in PROBLEMS.items():
        assert (await anybody.get(f"/problems/{code}")).json() == asdict(problem)
