"""Conditional requests (RFC 9110): nothing sent twice, no change lost."""

from typing import Annotated, Any

from fastapi import Header, Response
from pydantic import BaseModel

from app.errors import PreconditionFailed, PreconditionRequired

IfMatch = Annotated[str | None, Header(alias="If-Match", description="The `ETag` of the version to change.")]
IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", description="The `ETag` of the version at hand.")]


NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "The caller has this version"}}
"""The `responses` of a route that heeds `If-None-Match`."""


def resource(
    body: BaseModel,
    version: int,
    *,
    status: int = 200,
    location: str | None = None,
    if_none_match: str | None = None,
) -> Response:
    """One resource with its `ETag`, or 304 when the caller has this version."""
    headers = {"ETag": _etag(version)}
    if location:
        headers["Location"] = location
    if if_none_match is not None and _matches(if_none_match, version):
        return Response(status_code=304, headers=headers)
    return Response(body.__pydantic_serializer__.to_json(body), status, headers, media_type="application/json")


def check_match(if_match: str | None, version: int, *, required: bool = True) -> None:
    """Refuses a change of a version that the caller has not seen.

    Raises:
        PreconditionRequired: the caller does not say which version it knows.
        PreconditionFailed: it knows another one.
    """
    if if_match is None:
        if required:
            raise PreconditionRequired("Send If-Match with the ETag of the version to change")
    elif not _matches(if_match, version, weak=False):
        raise PreconditionFailed("The resource has changed since that version")


def _matches(header: str, version: int, *, weak: bool = True) -> bool:
    tags = [tag.strip() for tag in header.split(",")]
    if weak:
        tags = [tag.removeprefix("W/") for tag in tags]
    return "*" in tags or _etag(version) in tags


def _etag(version: int) -> str:
    return f'"{version}"'
