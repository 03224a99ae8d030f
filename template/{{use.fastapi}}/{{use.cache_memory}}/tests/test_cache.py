"""Counters in fixed windows."""

from types import SimpleNamespace

import pytest

from app.cache import Cache


async def test_a_window_counts_each_key_and_then_starts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    cache, clock = Cache(), SimpleNamespace(time=lambda: 120.0)
    monkeypatch.setattr("app.cache.time", clock)
    assert [await cache.increment("a", 60) for _ in range(2)] == [(1, 61), (2, 61)]
    assert await cache.increment("b", 60) == (1, 61)
    clock.time = lambda: 179.5
    assert await cache.increment("a", 60) == (3, 1)
    clock.time = lambda: 180.0
    assert await cache.increment("a", 60) == (1, 61)


async def test_windows_of_different_lengths_do_not_disturb_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    cache, clock = Cache(), SimpleNamespace(time=lambda: 120.0)
    monkeypatch.setattr("app.cache.time", clock)
    await cache.increment("a", 60)
    clock.time = lambda: 121.0
    assert (await cache.increment("a", 1))[0] == 1
    assert (await cache.increment("a", 60))[0] == 2
