"""The OpenAPI document: what FastAPI derives, plus errors, headers and deprecated routes."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from email.utils import format_datetime
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from fastapi.staticfiles import StaticFiles

from app import context
from app.problems import PROBLEMS
from app.web.errors import Problem
from app.web.middleware import PROBES, has_rate_limit

_ASSETS = "/docs/assets"
# The page starts Swagger UI with an inline script. The policy of all other responses forbids scripts.
_PAGE_POLICY = (
    "default-src 'none'; connect-src 'self'; img-src 'self' data:; script-src 'self' 'unsafe-inline'; "
    "style-src 'self' 'unsafe-inline'; frame-ancestors 'none'"
)
_PROBLEM_SCHEMA = "#/components/schemas/{model}"
_EXTRA = "x-problems"
_HEADERS = {"X-Request-ID": {"description": "The id of the request in the logs.", "schema": {"type": "string"}}}
_LIMIT_HEADERS = {
    "RateLimit-Limit": {"description": "Requests in one window.", "schema": {"type": "integer"}},
    "RateLimit-Remaining": {"description": "Requests left in this window.", "schema": {"type": "integer"}},
    "RateLimit-Reset": {"description": "Seconds until the next window.", "schema": {"type": "integer"}},
}


def serve_docs(app: FastAPI) -> None:
    """Serve the page `/docs`. It loads nothing from other hosts."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=app.title,
        swagger_js_url=f"{_ASSETS}/swagger-ui-bundle.js",
        swagger_css_url=f"{_ASSETS}/swagger-ui.css",
        swagger_favicon_url=f"{_ASSETS}/favicon.png",
    )
    page.headers["Content-Security-Policy"] = _PAGE_POLICY

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return page

    app.mount(_ASSETS, StaticFiles(packages=[("fastapi_offline", "static")]))


def raises(*codes: str) -> dict[str, Any]:
    """The `openapi_extra` of a route that may fail with these problem codes. `install` adds the common codes."""
    return {_EXTRA: list(codes)}


def deprecated(*, since: date, sunset: date, successor: str) -> Any:
    """A dependency that adds the headers of a deprecated route to its responses (RFC 9745, RFC 8594)."""
    since_at, sunset_at = (datetime.combine(day, time(), UTC) for day in (since, sunset))
    headers = [
        (b"deprecation", b"@%d" % since_at.timestamp()),
        (b"sunset", format_datetime(sunset_at, usegmt=True).encode()),
        (b"link", f'<{successor}>; rel="successor-version"'.encode()),
    ]

    async def announce() -> None:
        context.current().response_headers += headers

    return Depends(announce)


def install(app: FastAPI) -> None:
    """Replace `app.openapi` by a function that completes the document of FastAPI."""
    derive = app.openapi

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(derive())
        return app.openapi_schema

    # This is how FastAPI's documentation extends the document: https://fastapi.tiangolo.com/how-to/extending-openapi/
    app.openapi = document  # type: ignore[method-assign]


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = Problem.model_json_schema(ref_template=_PROBLEM_SCHEMA, mode="serialization")
    schemas["ProblemError"] = schemas["Problem"].pop("$defs")["ProblemError"]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            _complete_operation(path, method, operation)
    return document


def _complete_operation(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    codes = list(operation.pop(_EXTRA, []))
    if "requestBody" in operation:
        content = operation["requestBody"]["content"]
        if method == "patch":
            content["application/merge-patch+json"] = content["application/json"]
        codes += ["malformed_json", "request_timeout", "payload_too_large"]
        codes += ["unsupported_media_type", "validation_failed"]
    parameters = operation.get("parameters", [])
    if "precondition_required" in codes:
        _require_if_match(parameters)
    places = {parameter["in"] for parameter in parameters}
    if places & {"query", "header"}:
        codes.append("invalid_parameter")
    if "path" in places:
        codes.append("not_found")
    if {"bearer": []} in operation.get("security", []):
        codes += ["unauthenticated", "token_expired", "permission_denied"]
    is_limited = has_rate_limit(path)
    if is_limited:
        codes.append("rate_limited")
    codes += ["internal_error"] if path in PROBES else ["internal_error", "unavailable", "overloaded"]
    for status, response in _responses(dict.fromkeys(codes)).items():
        responses.setdefault(status, response)
    for response in responses.values():
        response.setdefault("headers", {}).update(_HEADERS | (_LIMIT_HEADERS if is_limited else {}))


def _require_if_match(parameters: Iterable[dict[str, Any]]) -> None:
    """Mark the header as required. Routes declare it as optional, so that a request without it gets 428, not 422."""
    for parameter in parameters:
        if parameter["name"] == "If-Match":
            parameter["required"] = True


def _responses(codes: Iterable[str]) -> dict[str, dict[str, Any]]:
    by_status: dict[str, list[str]] = {}
    for code in codes:
        by_status.setdefault(str(PROBLEMS[code].status), []).append(f"`{code}`")
    content = {"application/problem+json": {"schema": {"$ref": _PROBLEM_SCHEMA.format(model="Problem")}}}
    return {status: {"description": ", ".join(names), "content": content} for status, names in by_status.items()}
