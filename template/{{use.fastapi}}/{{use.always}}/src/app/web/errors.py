"""Every error as `application/problem+json` (RFC 9457). Only this file knows the HTTP status of an error."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app import clock, dialect
from app.errors import Refusal

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ProblemDescription:
    """What a problem code means."""

    code: str
    status: int
    title: str
    meaning: str


_PROBLEMS = (
    ("malformed_json", 400, "The body is not JSON", "The request body could not be parsed."),
    ("invalid_cursor", 400, "The cursor is not valid", "Start again without a cursor."),
    ("invalid_parameter", 400, "A parameter is not valid", "`errors` names each one at fault."),
    ("unauthenticated", 401, "Authentication is required", "The credentials are missing or not valid."),
    ("token_expired", 401, "The token has expired", "Refresh the access token and try again."),
    ("invalid_credentials", 401, "The credentials are not valid", "Email and password do not match."),
    ("permission_denied", 403, "Permission denied", "The caller lacks the permission of this route."),
    ("not_found", 404, "Not found", "There is no such resource, or it belongs to somebody else."),
    ("method_not_allowed", 405, "Method not allowed", "`Allow` lists the methods of this resource."),
    ("request_timeout", 408, "The body did not arrive in time", "Send it faster, or a smaller one."),
    ("conflict", 409, "Conflict with another resource", "A value that must be unique is taken."),
    ("invalid_state", 409, "Not possible in this state", "The resource has moved on."),
    ("idempotency_in_progress", 409, "The first request is still running", "Try again soon."),
    ("precondition_failed", 412, "The resource has changed", "Read it again, then repeat the change."),
    ("payload_too_large", 413, "The body is too large", "Send a smaller body."),
    ("unsupported_media_type", 415, "The media type is not supported", "Send `application/json`."),
    ("validation_failed", 422, "The request is not valid", "`errors` points to each fault in the body."),
    ("idempotency_key_reused", 422, "The idempotency key is taken", "It came with another body before."),
    ("precondition_required", 428, "A precondition is required", "Send `If-Match` with the `ETag`."),
    ("rate_limited", 429, "Too many requests", "Try again after `Retry-After` seconds."),
    ("internal_error", 500, "Internal error", "The request id leads to the cause in the logs."),
    ("unavailable", 503, "Temporarily unavailable", "Try again after `Retry-After` seconds."),
    ("overloaded", 503, "Overloaded", "Try again after `Retry-After` seconds."),
)
PROBLEMS = {code: ProblemDescription(code, status, title, meaning) for code, status, title, meaning in _PROBLEMS}

_CODE_OF_STATUS = {404: "not_found", 405: "method_not_allowed", 413: "payload_too_large", 415: "unsupported_media_type"}
_MEDIA_TYPE = "application/problem+json"

router = APIRouter(tags=["operations"])


class ProblemError(BaseModel):
    """One fault of the request."""

    pointer: str
    """JSON pointer into the body, or the name of the parameter."""
    code: str
    detail: str


class Problem(BaseModel):
    """What went wrong (RFC 9457)."""

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
    """What a problem code means."""
    if code not in PROBLEMS:
        raise Refusal("not_found", "There is no such problem")
    return PROBLEMS[code]


def install(app: FastAPI) -> None:
    """Turns whatever a route raises into a problem document."""
    app.exception_handler(Refusal)(_answer_refusal)
    app.exception_handler(RequestValidationError)(_answer_validation_error)
    app.exception_handler(HTTPException)(_answer_http_exception)


def problem(
    scope: Mapping[str, Any],
    code: str,
    detail: str | None = None,
    *,
    errors: Iterable[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
    retry_after: int | None = None,
) -> Response:
    """The problem document for `code`, a key of `PROBLEMS`."""
    kind = PROBLEMS[code]
    document: dict[str, object] = {
        "type": f"/problems/{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail or kind.meaning,
        "instance": scope["path"],
        "code": code,
        "request_id": scope["request_id"],
        "timestamp": clock.rfc3339(clock.now()),
    }
    if errors:
        document["errors"] = list(errors)
    response = Response(orjson.dumps(document), kind.status, headers, media_type=_MEDIA_TYPE)
    if retry_after is None and kind.status == 503:
        retry_after = 1
    if retry_after is not None:
        response.headers["Retry-After"] = str(retry_after)
    if kind.status == 401:
        # RFC 6750: no reason for those who sent no token.
        has_token = b"authorization" in scope["header_map"]
        response.headers["WWW-Authenticate"] = 'Bearer error="invalid_token"' if has_token else "Bearer"
    return response


def problem_of(scope: Mapping[str, Any], error: Exception) -> Response:
    """The answer to an error that no route foresaw. It tells nothing of the cause."""
    if dialect.is_outage(error):
        log.warning("database unavailable", error=repr(error))
        return problem(scope, "unavailable", "The database does not answer")
    log.error("request failed", path=scope["path"], exc_info=error)
    return problem(scope, "internal_error")


async def _answer_refusal(request: Request, error: Refusal) -> Response:
    return problem(request.scope, error.code, error.detail, retry_after=error.retry_after)


async def _answer_http_exception(request: Request, error: HTTPException) -> Response:
    if error.status_code == 405:
        return problem(request.scope, "method_not_allowed", headers={"Allow": ", ".join(_allowed_methods(request))})
    return problem(request.scope, _CODE_OF_STATUS.get(error.status_code, "malformed_json"))


async def _answer_validation_error(request: Request, error: RequestValidationError) -> Response:
    faults = error.errors()
    if faults[0]["type"] == "json_invalid":
        return problem(request.scope, "malformed_json")
    sources = {fault["loc"][0] for fault in faults}
    if "path" in sources:
        return problem(request.scope, "not_found")
    code = "validation_failed" if sources == {"body"} else "invalid_parameter"
    count = f"{len(faults)} field is" if len(faults) == 1 else f"{len(faults)} fields are"
    errors = [{"pointer": _pointer(fault["loc"]), "code": fault["type"], "detail": fault["msg"]} for fault in faults]
    return problem(request.scope, code, f"{count} not valid", errors=errors)


def _pointer(location: tuple[int | str, ...]) -> str:
    source, *steps = location
    if source != "body":
        return str(steps[0])
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in steps)


def _allowed_methods(request: Request) -> list[str]:
    methods: set[str] = set()
    for route in request.app.routes:
        if route.matches(request.scope)[0] != Match.NONE:
            methods |= getattr(route, "methods", None) or set()
    return sorted(methods | {"HEAD"} if "GET" in methods else methods)
