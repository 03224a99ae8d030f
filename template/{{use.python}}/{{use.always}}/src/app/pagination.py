"""Keyset pagination, newest first. A cursor names the last row of a page, so inserts do not shift later pages."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, Field

from app.errors import DomainError

Item = TypeVar("Item")


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
            return cls(datetime.fromisoformat(created_at).astimezone(UTC), UUID(row_id))
        except (binascii.Error, ValueError, TypeError, AttributeError, OverflowError) as error:
            raise DomainError("invalid_cursor", "The cursor was not issued by this list") from error


class PageQuery(BaseModel, extra="forbid"):
    """The query parameters of a list."""

    limit: int = Field(default=20, ge=1, le=100)
    cursor: str | None = None

    @property
    def after(self) -> Cursor | None:
        """Raises: invalid_cursor"""
        return None if self.cursor is None else Cursor.decode(self.cursor)


class Slice(NamedTuple, Generic[Item]):
    """The rows of one page, and the position of the next page if there is one."""

    rows: Sequence[Item]
    next: Cursor | None


class PageMeta(BaseModel):
    limit: int
    next_cursor: str | None


class Page(BaseModel, Generic[Item]):
    data: list[Item]
    meta: PageMeta
