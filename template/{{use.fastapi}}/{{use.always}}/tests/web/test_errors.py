"""Every error is a problem document (RFC 9457)."""

from dataclasses import asdict
from typing import get_args

import pytest
from httpx2 import AsyncClient
from structlog.testing import capture_logs

from app.errors import Code
from app.web.errors import PROBLEMS

ITEMS = "/api/probe/items"
JSON = {"Content-Type": "application/json"}


async def test_a_problem_says_all_there_is_to_say(anybody: AsyncClient) -> None:
    answer = await anybody.get("/nowhere", headers={"X-Request-ID": "r1"})
    problem = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert problem["timestamp"].endswith("Z")
    expected = {"type": "/problems/not_found", "title": "Not found", "status": 404, "code": "not_found"}
    assert problem.items() >= (expected | {"instance": "/nowhere", "request_id": "r1"}).items()


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
async def test_what_frameworks_refuse_is_a_problem_too(
    anybody: AsyncClient, method: str, path: str, body: str, status: int, code: str
) -> None:
    answer = await anybody.request(method, path, content=body, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert status != 405 or answer.headers["Allow"] == "GET, HEAD, PATCH, POST"


async def test_faults_of_the_body_are_pointed_to(anybody: AsyncClient) -> None:
    answer = await anybody.post(ITEMS, json={"parts": [1, "two"], "a/b~c": 1})
    assert (answer.status_code, answer.json()["code"]) == (422, "validation_failed")
    assert answer.json()["detail"] == "3 fields are not valid"
    faults = {fault["pointer"]: fault["code"] for fault in answer.json()["errors"]}
    assert faults == {"/name": "missing", "/parts/1": "int_parsing", "/a~1b~0c": "extra_forbidden"}


async def test_a_crash_tells_its_cause_to_the_log_alone(anybody: AsyncClient) -> None:
    with capture_logs() as lines:
        answer = await anybody.get("/api/probe/crash")
    assert any(isinstance(line.get("exc_info"), RuntimeError) for line in lines)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
    for secret in ("RuntimeError", "SELECT", "passwd", "Traceback", "conftest.py"):
        assert secret not in f"{answer.text} {answer.headers}"


async def test_every_error_has_a_status_and_an_explanation(anybody: AsyncClient) -> None:
    assert set(get_args(Code)) <= PROBLEMS.keys()
    for code, problem in PROBLEMS.items():
        assert (await anybody.get(f"/problems/{code}")).json() == asdict(problem)
