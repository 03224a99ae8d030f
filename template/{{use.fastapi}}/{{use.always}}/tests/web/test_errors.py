"""Every error is a problem document (RFC 9457)."""

from collections.abc import Iterator
from datetime import datetime

import pytest
from httpx2 import AsyncClient, Response
from structlog.testing import capture_logs

from app.errors import AppError
from app.web.errors import PROBLEMS
from tests import callers
from tests.conftest import Start
from tests.databases import Databases
from tests.web import probes

ITEMS = "/api/probe/items"


def subclasses(kind: type[AppError]) -> Iterator[type[AppError]]:
    for child in kind.__subclasses__():
        yield child
        yield from subclasses(child)


def is_problem(answer: Response, status: int, code: str) -> bool:
    assert answer.headers["Content-Type"] == "application/problem+json"
    return (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_problem_says_all_there_is_to_say(anybody: AsyncClient) -> None:
    answer = await anybody.get("/nowhere", headers={"X-Request-ID": "r1"})
    assert is_problem(answer, 404, "not_found")
    problem = answer.json()
    assert datetime.fromisoformat(problem.pop("timestamp")).utcoffset() is not None
    assert problem == {
        "type": "/problems/not_found",
        "title": "Not found",
        "status": 404,
        "detail": "There is no such resource, or it belongs to somebody else.",
        "instance": "/nowhere",
        "code": "not_found",
        "request_id": "r1",
    }


async def test_a_wrong_method_is_told_the_right_ones(anybody: AsyncClient) -> None:
    answer = await anybody.delete(ITEMS)
    assert is_problem(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == "GET, PATCH, POST"


@pytest.mark.parametrize("body", ["", "{", "{'name': 1}", "\x00", '{"name": NaN'])
async def test_malformed_json_is_refused(anybody: AsyncClient, body: str) -> None:
    answer = await anybody.post(ITEMS, content=body or " ", headers={"Content-Type": "application/json"})
    assert is_problem(answer, 400, "malformed_json")


async def test_faults_of_the_body_are_pointed_to(anybody: AsyncClient) -> None:
    answer = await anybody.post(ITEMS, json={"parts": [1, "two"], "a/b~c": 1})
    assert is_problem(answer, 422, "validation_failed")
    assert answer.json()["detail"] == "3 fields are not valid"
    faults = {fault["pointer"]: fault["code"] for fault in answer.json()["errors"]}
    assert faults == {"/name": "missing", "/parts/1": "int_parsing", "/a~1b~0c": "extra_forbidden"}


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=many", "unknown=1"])
async def test_faults_of_parameters_are_named(anybody: AsyncClient, query: str) -> None:
    answer = await anybody.get(f"{ITEMS}?{query}")
    assert is_problem(answer, 400, "invalid_parameter")
    assert answer.json()["errors"][0]["pointer"] == query.partition("=")[0]


async def test_an_id_of_another_form_names_nothing(anybody: AsyncClient) -> None:
    assert is_problem(await anybody.get(f"{ITEMS}/first"), 404, "not_found")


async def test_a_crash_tells_nothing_but_the_request_id(anybody: AsyncClient) -> None:
    answer = await anybody.get("/api/probe/crash")
    assert is_problem(answer, 500, "internal_error")
    assert answer.json()["request_id"] == answer.headers["X-Request-ID"]
    assert answer.json()["detail"] == PROBLEMS["internal_error"].meaning
    for secret in ("RuntimeError", "SELECT", "passwd", "Traceback", "probes.py"):
        assert secret not in answer.text
        assert secret not in str(answer.headers)


async def test_a_crash_is_logged_with_its_cause(anybody: AsyncClient) -> None:
    with capture_logs() as lines:
        await anybody.get("/api/probe/crash")
    assert any(isinstance(line.get("exc_info"), RuntimeError) for line in lines)


async def test_an_answer_that_breaks_off_stays_broken(anybody: AsyncClient) -> None:
    with pytest.raises(RuntimeError):
        await anybody.get("/api/probe/breaks")


async def test_an_outage_is_unavailable_not_broken(start: Start, databases: Databases) -> None:
    client = callers.anybody(await start(probes.router, database_url=databases.nowhere()))
    answer = await client.get("/api/probe/stored")
    assert is_problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"] == "1"


async def test_every_problem_is_explained(anybody: AsyncClient) -> None:
    for code, kind in PROBLEMS.items():
        explanation = (await anybody.get(f"/problems/{code}")).json()
        assert explanation == {"code": code, **kind._asdict()}


async def test_an_unknown_problem_is_not_found(anybody: AsyncClient) -> None:
    assert is_problem(await anybody.get("/problems/none"), 404, "not_found")


def test_every_error_has_a_status() -> None:
    assert {error.code for error in subclasses(AppError)} <= PROBLEMS.keys()
