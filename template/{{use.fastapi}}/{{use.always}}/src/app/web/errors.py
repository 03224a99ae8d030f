"""Turns every error into `application/problem+json` (RFC 9457)."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

import orjson
import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app import clock, context, dialect
from app.errors import DomainError
from app.problems import PROBLEMS, ProblemDescription
from app.web.conditional import NotModified

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"

# The problem code for the status of an HTTPException. For other statuses, the code is the name of the status.
_CODE_OF_STATUS = {
    400: "invalid_parameter",
    401: "unauthenticated",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    412: "precondition_failed",
    413: "payload_too_large",
    415: "unsupported_media_type",
    422: "validation_failed",
    428: "precondition_required",
    429: "rate_limited",
    500: "internal_error",
    503: "unavailable",
}

_NAMES = {status.value: (status.name.lower(), status.phrase) for status in HTTPStatus}

_CODES_OF_TOKENS = frozenset({"unauthenticated", "token_expired"})

# The detail of FastAPI's HTTPException for a body that it cannot parse, for example because it is nested too deeply.
_UNREADABLE_BODY = "There was an error parsing the body"

router = APIRouter(tags=["operations"])


class ProblemError(BaseModel):
    """One invalid value in the request."""

    pointer: str
    """A JSON pointer into the body, or the name of the parameter."""
    code: str
    detail: str


class Problem(BaseModel):
    """An error (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    code: str
    request_id: str
    timestamp: str
    errors: list[ProblemError] | None = None


@router.get("/problems/{code}", operation_id="describe_problem")
async def describe_problem(code: str) -> ProblemDescription:
    """Describe an error code."""
    if code not in PROBLEMS:
        raise DomainError("not_found", "There is no such problem")
    return PROBLEMS[code]


def install(app: FastAPI) -> None:
    """Register the handlers that turn errors of routes and dependencies into problem documents."""
    app.exception_handler(DomainError)(_answer_domain_error)
    app.exception_handler(RequestValidationError)(_answer_validation_error)
    app.exception_handler(HTTPException)(_answer_http_exception)
    app.exception_handler(NotModified)(_answer_not_modified)


def problem(
    code: str,
    detail: str | None = None,
    *,
    errors: Iterable[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    retry_after: int | None = None,
) -> Response:
    """A response to the current request: the problem document for `code`, a key of `PROBLEMS`."""
    kind = PROBLEMS[code]
    response = _document(code, kind.status, kind.title, detail or kind.meaning, errors, headers)
    if retry_after is None and kind.status == 503:
        retry_after = 1
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    if kind.status == 401:
        # RFC 6750: the challenge has an error code only if the request has a token and the token is refused.
        refused = code in _CODES_OF_TOKENS and b"authorization" in context.current().headers
        challenge = 'Bearer error="invalid_token"' if refused else "Bearer"
        response.headers.setdefault("WWW-Authenticate", challenge)
    return response


def unexpected_problem(error: Exception) -> Response:
    """The response to an unhandled exception. It does not reveal the cause."""
    if dialect.is_outage(error):
        log.warning("database unavailable", error=repr(error))
        return problem("unavailable", "The database does not answer")
    log.error("request failed", path=context.current().path, exc_info=error)
    return problem("internal_error")


def _document(
    code: str,
    status: int,
    title: str,
    detail: str,
    errors: Iterable[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    request = context.current()
    document: dict[str, object] = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.path,
        "code": code,
        "request_id": request.request_id,
        "timestamp": clock.rfc3339(clock.now()),
    }
    if errors:
        document["errors"] = list(errors)
    return Response(orjson.dumps(document), status, headers, media_type=MEDIA_TYPE)


async def _answer_domain_error(request: Request, error: DomainError) -> Response:
    return problem(error.code, error.detail, retry_after=error.retry_after)


async def _answer_http_exception(request: Request, error: HTTPException) -> Response:
    if error.status_code == 405:
        return problem("method_not_allowed", headers={"Allow": ", ".join(_allowed_methods(request))})
    if error.status_code == 400 and error.detail == _UNREADABLE_BODY:
        return problem("malformed_json")
    status = error.status_code
    name, phrase = _NAMES.get(status, (f"status_{status}", f"Status {status}"))
    # A 500 reveals no detail.
    detail = str(error.detail) if status != 500 and error.detail != phrase else None
    if code := _CODE_OF_STATUS.get(status):
        return problem(code, detail, headers=error.headers)
    return _document(name, status, phrase, detail or phrase, headers=error.headers)


async def _answer_not_modified(request: Request, outcome: NotModified) -> Response:
    return Response(status_code=304, headers={"ETag": outcome.tag})


async def _answer_validation_error(request: Request, error: RequestValidationError) -> Response:
    invalid = error.errors()
    if invalid[0]["type"] == "json_invalid":
        return problem("malformed_json")
    sources = {each["loc"][0] for each in invalid}
    if "path" in sources:
        return problem("not_found")
    code = "validation_failed" if sources == {"body"} else "invalid_parameter"
    count = f"{len(invalid)} field is" if len(invalid) == 1 else f"{len(invalid)} fields are"
    errors = [{"pointer": _pointer(each["loc"]), "code": each["type"], "detail": each["msg"]} for each in invalid]
    return problem(code, f"{count} not valid", errors=errors)


def _pointer(location: tuple[int | str, ...]) -> str:
    source, *steps = location
    if source != "body":
        return str(steps[0])
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def _allowed_methods(request: Request) -> list[str]:
    """The methods of the first route path that matches.

    Other paths do not count: the URL `/users/me` also matches `/users/{user_id}`.
    """
    routes = iter_route_contexts(request.app.routes)
    matching = [route for route in routes if route.matches(request.scope)[0] != Match.NONE]
    methods = {method for route in matching if route.path == matching[0].path for method in route.methods or ()}
    if "GET" in methods:
        methods.add("HEAD")
    return sorted(methods)
