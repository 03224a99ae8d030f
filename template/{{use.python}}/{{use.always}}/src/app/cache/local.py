"""Values that this process keeps for a moment, and work that concurrent callers share."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

from prometheus_client import Counter

Result = TypeVar("Result")
Load = Callable[[], Coroutine[Any, Any, bytes]]

LOCAL_SECONDS = 1
"""How long a process keeps a value that another process may have changed."""
LOCAL_VALUES = 500
LARGEST_VALUE = 65_536
"""The bytes of the largest value that is kept."""

_values = Counter("cache_values_total", "Values that were asked for, by where they came from", ["source"])
found_locally, found_on_server, loaded = (_values.labels(source) for source in ("local", "server", "loaded"))


class SingleFlight(Generic[Result]):
    """Work that runs once at a time for each key. All who ask for it meanwhile get the same result or exception."""

    def __init__(self) -> None:
        self._running: dict[Hashable, asyncio.Task[Result]] = {}

    async def run(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
        """The result of the work that is running for `key`. If there is none, start `work`."""
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(work())
            task.add_done_callback(lambda done: self._end(key, done))
        # A caller that is cancelled does not cancel the work of the others.
        return await asyncio.shield(task)

    def forget(self) -> None:
        """Whoever asks from now on does not get the result of work that is running, because it may be outdated."""
        self._running.clear()

    def _end(self, key: Hashable, task: asyncio.Task[Result]) -> None:
        if self._running.get(key) is task:
            del self._running[key]
        if not task.cancelled():
            task.exception()  # if all callers were cancelled, nobody else takes notice of it


class LocalCache:
    """The values that were used last. Concurrent misses share one load."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._loads = SingleFlight[bytes]()
        self._changes = 0

    async def get_or_load(self, key: str, load: Load, seconds: float) -> bytes:
        """The value of `key`. If there is none, load it, and keep it for `seconds`, at most `LOCAL_SECONDS`."""
        expires_at, value = self._values.get(key, (0.0, b""))
        if time.monotonic() < expires_at:
            self._values.move_to_end(key)
            found_locally.inc()
            return value
        return await self._loads.run(key, lambda: self._load(key, load, seconds))

    def drop(self, key: str) -> None:
        """Forget a value. A load that is running does not bring it back."""
        self._changes += 1
        self._values.pop(key, None)
        self._loads.forget()

    async def _load(self, key: str, load: Load, seconds: float) -> bytes:
        changes, expires_at = self._changes, time.monotonic() + min(seconds, LOCAL_SECONDS)
        value = await load()
        if changes == self._changes and len(value) <= LARGEST_VALUE:
            self._values[key] = (expires_at, value)
            self._values.move_to_end(key)
            if len(self._values) > LOCAL_VALUES:
                self._values.popitem(last=False)
        return value
