"""Rules for every answer, checked on all answers of the run so far."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import unquote

from scaffold.conformance import expect
from scaffold.conformance.accounts import member
from scaffold.conformance.core import check
from scaffold.conformance.discovery import ORDERS
from scaffold.conformance.expect import PROBLEM
from scaffold.conformance.ordering import draft, path_of, place
from scaffold.conformance.service import Answer, Service
from scaffold.conformance.verdicts import Failure, Skip

POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGES = ("/docs", "/redoc", "/problems/")
INSIDE = re.compile(
    r"Traceback|File \"|\.py\b|site-packages|/src/|\bat 0x[0-9a-f]{6}|"
    r"\b(?:\w+\.)+\w*(?:Error|Exception)\b|\b(?:ValueError|TypeError|KeyError|IntegrityError)\b|"
    r"sqlalchemy|asyncpg|aiosqlite|sqlite3|psycopg|pydantic|starlette|fastapi|uvicorn|"
    r"\bSELECT\b.+\bFROM\b|\bINSERT INTO\b|UNIQUE constraint|violates|\$ref",
    re.IGNORECASE,
)
ORDER_PATH = re.compile(rf"{ORDERS}(/[\w-]+(/cancellation)?)?")
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE")
BEFORE_LIMITS = (405, 413, 503)
"""Refused before any budget is touched."""


@check("API-5", "every error is a problem, with each member in its form")
async def every_error_is_a_problem(service: Service) -> None:
    for answer in await _answers(service, lambda one: one.status >= 400 and one.method != "HEAD"):
        _expect_problem(answer)


@check("API-5", "no error reveals internals: no trace, class, query, path or version")
async def no_error_tells_of_the_inside(service: Service) -> None:
    for answer in await _answers(service, lambda one: one.status >= 400):
        asked = unquote(answer.target)
        text = answer.body.decode(errors="replace").replace(asked, "").replace(answer.path, "")
        told = INSIDE.search(text)
        expect.that(told is None, "nothing of the inside", repr(told and told[0]), answer)


@check("API-5", "no answer is a 5xx, except 503")
async def no_answer_is_an_internal_error(service: Service) -> None:
    for answer in await _answers(service, lambda one: one.status >= 500):
        expect.status(answer, 503)


@check("API-11", "every answer has an X-Request-ID; an error repeats it in its body")
async def every_answer_has_a_request_id(service: Service) -> None:
    for answer in await _answers(service, lambda _: True):
        given = expect.header(answer, "X-Request-ID")
        if answer.status >= 400 and answer.code:
            told = answer.json().get("request_id")
            expect.that(told == given, f"request_id {given}", told, answer)


@check("SEC-7", "every answer has the security headers and no version of a server")
async def every_answer_has_security_headers(service: Service) -> None:
    for answer in await _answers(service, lambda _: True):
        for name, value in (
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
        ):
            got = expect.header(answer, name)
            expect.that(got == value, f"{name}: {value}", got, answer)
        policy = expect.header(answer, "Content-Security-Policy")
        own = answer.path.startswith(PAGES)
        expect.that(own or policy == POLICY, f"Content-Security-Policy: {POLICY}", policy, answer)
        for name in ("Server", "X-Powered-By"):
            told = answer.headers.get(name, "")
            expect.that(
                not re.search(r"\d|uvicorn|gunicorn|hypercorn|granian", told, re.IGNORECASE),
                f"{name} without a version",
                told,
                answer,
            )
        if service.options.url.startswith("https:"):
            expect.header(answer, "Strict-Transport-Security")


@check("API-12", "caches may not store an answer of the API, unless its route allows it")
async def no_answer_is_cached_unasked(service: Service) -> None:
    for answer in await _answers(service, lambda one: one.path.startswith("/api/")):
        got = expect.header(answer, "Cache-Control")
        expect.that("no-store" in got, "Cache-Control: no-store", got, answer)


@check("API-7", "every answer of the API has the RateLimit headers")
async def every_answer_tells_the_budget(service: Service) -> None:
    def counted(answer: Answer) -> bool:
        asked = answer.method not in ("HEAD", "OPTIONS") and answer.status not in BEFORE_LIMITS
        return asked and ORDER_PATH.fullmatch(answer.path) is not None

    for answer in await _answers(service, counted):
        numbers = {}
        for name in ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"):
            value = expect.header(answer, name)
            expect.that(value.isdecimal(), f"{name} as a number", value, answer)
            numbers[name] = int(value)
        sound = numbers["RateLimit-Remaining"] <= numbers["RateLimit-Limit"]
        expect.that(sound, "RateLimit-Remaining at most RateLimit-Limit", numbers, answer)


@check("API-6", "every status of the run is documented for its operation")
async def every_status_is_documented(service: Service) -> None:
    if service.openapi is None:
        raise Skip("the service does not serve its document (off in production by default)")
    for answer in await _answers(service, lambda _: True):
        documented = _documented(service, answer)
        expect.that(
            documented is None or {str(answer.status), "default"} & documented != set(),
            "a status that the document names",
            answer,
            answer,
        )


async def _answers(service: Service, wanted: Callable[[Answer], bool]) -> list[Answer]:
    """The answers of this run that the rule applies to; each kind is there at least once."""
    await service.once("sample", lambda: _sample(service))
    # A method that HTTP does not know is answered by the server's parser, outside the service.
    return [answer for answer in service.log if answer.method in METHODS and wanted(answer)]


async def _sample(service: Service) -> None:
    by = await member(service)
    placed = await place(service, by)
    order = path_of(placed)
    await service.post(ORDERS, by, json=draft(reference=placed.json()["reference"]))
    await service.get("/livez")
    await service.get("/readyz")
    await service.get("/nowhere")
    await service.get(ORDERS, by, params={"limit": "0"})
    tag = (await service.get(order, by)).headers.get("ETag", "*")
    await service.get(order, by, headers={"If-None-Match": tag})
    await service.get(f"{ORDERS}/nothing", by)
    await service.request("PUT", ORDERS, by, json={})
    await service.request("PATCH", order, by, json={})
    await service.post(ORDERS, by, content=b"text", headers={"Content-Type": "text/plain"})
    await service.post(ORDERS, by, content=b"{", headers={"Content-Type": "application/json"})
    await service.post(ORDERS, by, json=draft(lines=[]))
    if service.auth != "none":
        await service.get(ORDERS)


def _expect_problem(answer: Answer) -> None:
    kind = expect.header(answer, "Content-Type")
    expect.that(kind.partition(";")[0] == PROBLEM, f"Content-Type: {PROBLEM}", kind, answer)
    problem = answer.json()
    expect.that(isinstance(problem, dict), "an object", problem, answer)
    code = expect.member(answer, "code", str)
    for name, value in (
        ("type", f"/problems/{code}"),
        ("status", answer.status),
        ("instance", answer.path),
    ):
        got = expect.member(answer, name)
        same = got == value or (name == "instance" and unquote(str(got)) == unquote(str(value)))
        expect.that(same, f"{name} {value!r}", repr(got), answer)
    for name in ("title", "detail", "request_id"):
        expect.that(bool(expect.member(answer, name, str)), name, "an empty one", answer)
    _expect_now(expect.member(answer, "timestamp", str), answer)
    for error in problem.get("errors") or []:
        complete = {"pointer", "code", "detail"} <= set(error)
        expect.that(complete, "errors of pointer, code and detail", error, answer)


def _expect_now(timestamp: str, answer: Answer) -> None:
    try:
        at = datetime.fromisoformat(timestamp)
    except ValueError:
        raise Failure("a timestamp in RFC 3339", timestamp, answer.line) from None
    expect.that(at.utcoffset() == timedelta(0), "a timestamp in UTC", timestamp, answer)


def _documented(service: Service, answer: Answer) -> set[str] | None:
    """The documented statuses of the operation of a request; None when there is no operation."""
    for path, item in (service.openapi or {}).get("paths", {}).items():
        pattern = re.sub(r"\\\{[^/]*?\\\}", "[^/]+", re.escape(path))
        if re.fullmatch(pattern, unquote(answer.path)):
            operation = item.get(answer.method.lower())
            return set(operation["responses"]) if operation else None
    return None
