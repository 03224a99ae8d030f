"""Ids, as RFC 9562 lays out version 7."""

import time
from uuid import RFC_4122

import pytest

from app.ids import new_id


def test_an_id_is_a_uuid_of_version_7_that_begins_with_the_time() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    assert (made.version, made.variant) == (7, RFC_4122)
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000


def test_ids_of_later_milliseconds_are_greater(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time_ns()
    ids = []
    for milliseconds in range(100):
        monkeypatch.setattr(time, "time_ns", lambda later=milliseconds: now + later * 1_000_000)
        ids.append(new_id())
    assert ids == sorted(ids)


def test_ids_of_one_millisecond_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: 0)
    assert len({new_id() for _ in range(10_000)}) == 10_000
