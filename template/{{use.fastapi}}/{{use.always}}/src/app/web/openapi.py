"""The OpenAPI document: what FastAPI derives, with every error and header that the contract adds."""

from collections.abc import Iterable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from app.web.errors import PROBLEMS, Problem

_REF = "#/components/schemas/{model}"
_EXTRA = "x-problems"
_ANYWHERE = ("internal_error", "unavailable", "overloaded")
_HEADERS = {
    "X-Request-ID": {"description": "Names the request in the logs.", "schema": {"type": "string"}},
}
_LIMIT_HEADERS = {
    "RateLimit-Limit": {"description": "Requests in one window.", "schema": {"type": "integer"}},
    "RateLimit-Remaining": {"description": "Requests left in this window.", "schema": {"type": "integer"}},
    "RateLimit-Reset": {"description": "Seconds until the next window.", "schema": {"type": "integer"}},
}


def raises(*codes: str) -> dict[str, Any]:
    """The `openapi_extra` of a route that may fail with these codes, beside those that any such route has."""
    return {_EXTRA: list(codes)}


def install(app: FastAPI) -> None:
    """Completes the document that the application serves."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _complete(
                get_openapi(
                    title=app.title,
                    version=app.version,
                    summary=app.summary,
                    description=app.description,
                    tags=app.openapi_tags,
                    routes=app.routes,
                )
            )
        return app.openapi_schema

    # FastAPI's own way to extend the document: https://fastapi.tiangolo.com/how-to/extending-openapi/
    app.openapi = document  # type: ignore[method-assign]


def _complete(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = Problem.model_json_schema(ref_template=_REF, mode="serialization")
    schemas["ProblemError"] = schemas["Problem"].pop("$defs")["ProblemError"]
    for path, operation in _operations(document):
        _complete_operation(path, operation)
    return document


def _complete_operation(path: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    codes = list(operation.pop(_EXTRA, []))
    if "requestBody" in operation:
        codes += ["malformed_json", "payload_too_large", "unsupported_media_type", "validation_failed"]
    places = {parameter["in"] for parameter in operation.get("parameters", [])}
    if places & {"query", "header"}:
        codes.append("invalid_parameter")
    if "path" in places:
        codes.append("not_found")
    if "security" in operation:
        codes += ["unauthenticated", "token_expired", "permission_denied"]
    in_api = path.startswith("/api/")
    if in_api:
        codes.append("rate_limited")
    for status, response in _responses(dict.fromkeys([*codes, *_ANYWHERE])).items():
        responses.setdefault(status, response)
    for response in responses.values():
        response.setdefault("headers", {}).update(_HEADERS | (_LIMIT_HEADERS if in_api else {}))


def _responses(codes: Iterable[str]) -> dict[str, dict[str, Any]]:
    by_status: dict[str, list[str]] = {}
    for code in codes:
        by_status.setdefault(str(PROBLEMS[code].status), []).append(f"`{code}`")
    return {
        status: {
            "description": ", ".join(names),
            "content": {"application/problem+json": {"schema": {"$ref": _REF.format(model="Problem")}}},
        }
        for status, names in by_status.items()
    }


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for operation in methods.values():
            yield path, operation
