"""Conditional requests (RFC 9110): nothing sent twice, no change lost."""

from typing import Annotated, Any

from fastapi import Header, Response
from pydantic import BaseModel

from app.errors import Refusal

IfMatch = Annotated[str | None, Header(alias="If-Match", description="The `ETag` of the version to change.")]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", description="The `ETag` of the version at hand.")]

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "The caller has this version"}}
"""The `responses` of a route that heeds `If-None-Match`."""


def resource(
    kind: type[BaseModel], row: Any, *, status: int = 200, location: str | None = None, if_none_match: str | None = None
) -> Response:
    """A row as a resource with its `ETag`, which is its `version`; 304 when the caller has this version."""
    headers = {"ETag": _etag(row.version)}
    if location:
        headers["Location"] = location
    if if_none_match is not None and _matches(if_none_match, row.version):
        return Response(status_code=304, headers=headers)
    body = kind.model_validate(row, from_attributes=True)
    return Response(body.__pydantic_serializer__.to_json(body), status, headers, media_type="application/json")


def check_match(if_match: str | None, version: int, *, required: bool = True) -> None:
    """Refuses a change of a version that the caller has not seen, or does not name although it is required to.

    Raises: precondition_failed, precondition_required
    """
    if if_match is None:
        if required:
            raise Refusal("precondition_required", "Send If-Match with the ETag of the version to change")
    elif not _matches(if_match, version, weak=False):
        raise Refusal("precondition_failed", "The resource has changed since that version")


def _matches(header: str, version: int, *, weak: bool = True) -> bool:
    tags = [tag.strip() for tag in header.split(",")]
    if weak:
        tags = [tag.removeprefix("W/") for tag in tags]
    return "*" in tags or _etag(version) in tags


def _etag(version: int) -> str:
    return f'"{version}"'
