"""Conditional requests (RFC 9110): `ETag`, `If-None-Match` and `If-Match`. The entity tag is the version of a row."""

import re
from typing import Annotated, Any

from fastapi import Depends, Header, Response

from app.errors import DomainError

NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "The caller has this version"}}
"""The `responses` of a route that uses `Conditional`."""

_STRONG_TAG = re.compile(r'"(\d{1,18})"')


class NotModified(Exception):  # noqa: N818  # an outcome, not an error
    """The caller has the current version."""

    def __init__(self, tag: str) -> None:
        super().__init__(tag)
        self.tag = tag


class ConditionalRead:
    """The condition of a read."""

    def __init__(self, if_none_match: str | None, response: Response) -> None:
        self._if_none_match = if_none_match
        self._response = response

    def check(self, version: int) -> None:
        """Set the `ETag` header. Raise `NotModified` if the caller has this version: the response is then 304."""
        tag = etag(version)
        if self._if_none_match is not None:
            tags = [each.strip().removeprefix("W/") for each in self._if_none_match.split(",")]
            if tag in tags or "*" in tags:
                raise NotModified(tag)
        self._response.headers["ETag"] = tag


async def _conditional(
    response: Response,
    if_none_match: Annotated[
        str | None, Header(alias="If-None-Match", description="The `ETag` of the version that the caller has.")
    ] = None,
) -> ConditionalRead:
    return ConditionalRead(if_none_match, response)


_IfMatchHeader = Annotated[str | None, Header(alias="If-Match", description="The `ETag` of the version to change.")]


async def _optional_if_match(if_match: _IfMatchHeader = None) -> frozenset[int] | None:
    return None if if_match is None else _versions(if_match)


async def required_if_match(if_match: _IfMatchHeader = None) -> frozenset[int] | None:
    """The versions in the header; None for any version.

    Raises: precondition_required
    """
    if if_match is None:
        raise DomainError("precondition_required", "Send If-Match with the ETag of the version to change")
    return _versions(if_match)


Conditional = Annotated[ConditionalRead, Depends(_conditional)]
IfMatch = Annotated[frozenset[int] | None, Depends(required_if_match)]
"""The versions that the request may change; None for any version. The header is required."""
OptionalIfMatch = Annotated[frozenset[int] | None, Depends(_optional_if_match)]
"""The versions that the request may change; None for any version, or if the header is absent."""


def etag(version: int) -> str:
    """The entity tag of a version."""
    return f'"{version}"'


def _versions(if_match: str) -> frozenset[int] | None:
    tags = [tag.strip() for tag in if_match.split(",")]
    if "*" in tags:
        return None
    matches = [_STRONG_TAG.fullmatch(tag) for tag in tags]
    return frozenset(int(match[1]) for match in matches if match)
