"""Cursors."""

import base64
from datetime import UTC, datetime
from uuid import UUID

import pytest

from app.errors import InvalidCursor
from app.ids import new_id
from app.web.pagination import Cursor


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode()


def test_a_cursor_survives_the_journey() -> None:
    cursor = Cursor(datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC), new_id())
    assert Cursor.decode(cursor.encode()) == cursor


def test_a_cursor_fits_in_a_link() -> None:
    assert Cursor(datetime.now(UTC), new_id()).encode().replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "ä",
        "%%%",
        encoded("[]"),
        encoded("{}"),
        encoded("null"),
        encoded('["2026-01-01T00:00:00Z", "1"]'),
        encoded('["2026-01-01T00:00:00Z", 1]'),
        encoded(f'["yesterday", "{UUID(int=0)}"]'),
        encoded(f'[1, "{UUID(int=0)}"]'),
        encoded(f'["0001-01-01T00:00:00+23:59", "{UUID(int=0)}"]'),
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        Cursor.decode(text)
