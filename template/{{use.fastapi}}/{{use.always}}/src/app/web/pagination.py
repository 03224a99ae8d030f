"""Lists in pages, newest first. A cursor names the last row seen, so that inserts shift nothing."""

import base64
import binascii
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import orjson
from fastapi import Request, Response
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, Field

from app.errors import Refusal

Item = TypeVar("Item")


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("out of range") from error


def _rfc3339(text: object) -> object:
    if isinstance(text, str) and not _RFC3339.match(text):
        raise ValueError("must be a time as in RFC 3339")
    return text


# Left alone, Pydantic would also read seconds since 1970 and a date without a time.
_RFC3339 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}")

Moment = Annotated[AwareDatetime, BeforeValidator(_rfc3339), AfterValidator(_in_utc)]


class Cursor(NamedTuple):
    """The position after one row."""

    created_at: datetime
    id: UUID

    def encode(self) -> str:
        position = orjson.dumps([*self], default=str)
        return base64.urlsafe_b64encode(position).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        """Raises: invalid_cursor"""
        try:
            created_at, row_id = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            return cls(_in_utc(datetime.fromisoformat(created_at)), UUID(row_id))
        except (binascii.Error, ValueError, TypeError, AttributeError) as error:
            raise Refusal("invalid_cursor", "The cursor is not one that this list gave") from error


class PageQuery(BaseModel, extra="forbid"):
    """Which page of a list."""

    limit: int = Field(default=20, ge=1, le=100)
    cursor: str | None = None

    @property
    def after(self) -> Cursor | None:
        """Raises: invalid_cursor"""
        return None if self.cursor is None else Cursor.decode(self.cursor)


class PageMeta(BaseModel):
    limit: int
    next_cursor: str | None


class Page(BaseModel, Generic[Item]):
    data: list[Item]
    meta: PageMeta


class Slice(NamedTuple, Generic[Item]):
    """The rows of one page, and where the next one begins."""

    rows: Sequence[Item]
    next: Cursor | None


def page_response(request: Request, page_type: type[Page[Any]], query: PageQuery, found: Slice[Any]) -> Response:
    """The page of these rows, with a `Link` to the next one."""
    meta = PageMeta(limit=query.limit, next_cursor=found.next.encode() if found.next else None)
    page = page_type.model_validate({"data": found.rows, "meta": meta}, from_attributes=True)
    response = Response(page.__pydantic_serializer__.to_json(page), media_type="application/json")
    if meta.next_cursor is not None:
        url = request.url.include_query_params(cursor=meta.next_cursor)
        response.headers["Link"] = f'<{url.path}?{url.query}>; rel="next"'
    return response
