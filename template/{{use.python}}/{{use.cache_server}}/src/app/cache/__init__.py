"""Short-lived values on the server of `CACHE_URL`, which all replicas share."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar
from uuid import uuid4

import structlog
from prometheus_client import Counter
from pydantic import BaseModel, ValidationError

from app import NAME
from app.cache.counters import Counters, current_window
from app.cache.local import LARGEST_VALUE, LocalCache, found_on_server, loaded
from app.cache.store import Store
from app.config import Settings

log = structlog.get_logger()

Answer = TypeVar("Answer")
Value = TypeVar("Value", bound=BaseModel)

RETRY_SECONDS = 5
"""How long the server is not asked again after it has failed."""
LEASE_SECONDS = 5
"""How long other replicas leave the loading of a value to the one that began."""
WAIT_SECONDS = 1
"""How long a request waits for a value that another replica loads, before it loads it on its own."""
POLL_SECONDS = 0.02
LEASE = b"lease "
"""How a key begins whose value is being loaded. A value is JSON, and never begins so."""

_requests = Counter("cache_requests_total", "Requests to the cache; skipped if it has just failed", ["result"])
_succeeded, _failed, _skipped = (_requests.labels(result) for result in ("ok", "error", "skipped"))


class Cache:
    """Counters that expire, and values that are loaded once for concurrent callers. All replicas share them.

    While the server does not answer, this process counts and loads on its own. Nothing fails.
    """

    def __init__(self, settings: Settings) -> None:
        self._store = Store(settings)
        self._own = Counters()
        self._local = LocalCache()
        self._answers = True
        self._retry_at = 0.0

    @property
    def dependencies(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """The servers that it uses, by name. The functions raise an exception if the server does not answer."""
        return {"cache": self._store.ping}

    async def increment(self, key: str, seconds: int) -> tuple[int, int]:
        """Add 1 to the count of `key` in the current window of `seconds`.

        Returns the count, and the whole seconds until the window ends.
        """
        window, ends_in = current_window(seconds)
        name = f"{NAME}:{seconds}:{window}:{key}"
        # The clocks of replicas differ. So a counter exists for longer than its window.
        count = await self._ask(lambda: self._store.increment(name, 2 * seconds))
        if count is None:
            count = self._own.increment(key, seconds)
        return count, ends_in

    async def get_or_load(
        self, key: str, kind: type[Value], load: Callable[[], Awaitable[Value]], *, seconds: float
    ) -> Value:
        """The value of `key`. If there is none, load it, and keep it for up to `seconds`.

        Callers that ask for it at the same time, in all replicas, share one load. Those of the same process get its
        exception if it fails.
        """
        found = await self._local.get_or_load(key, lambda: self._fetch_or_load(_name(key), load, seconds), seconds)
        try:
            return kind.model_validate_json(found)
        except ValidationError:  # another release has written it
            await self.invalidate(key)
            return await load()

    async def invalidate(self, key: str) -> None:
        """Forget a value that has changed, after the commit. Other replicas see the change after `LOCAL_SECONDS`."""
        self._local.drop(key)
        await self._ask(lambda: self._store.delete(_name(key)), skips=False)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._store.aclose()

    async def _fetch_or_load(self, name: str, load: Callable[[], Awaitable[Value]], seconds: float) -> bytes:
        lease = LEASE + uuid4().bytes
        found = await self._fetch(name, lease)
        if found is not None and found != lease:
            found_on_server.inc()
            return found
        value = b""
        try:
            loaded.inc()
            value = (await load()).model_dump_json().encode()
            return value
        finally:
            if found == lease:
                await self._end(lease, name, value, seconds)

    async def _fetch(self, name: str, lease: bytes) -> bytes | None:
        """The value on the server, or the caller's own lease if it is the one who loads the value.

        None if the server does not answer, or if another replica takes too long to load the value.
        """
        wait_until = time.monotonic() + WAIT_SECONDS
        while True:
            found = await self._ask(lambda: self._store.fetch(name, lease, LEASE_SECONDS))
            if found is None or found == lease or not found.startswith(LEASE):
                return found
            if time.monotonic() >= wait_until:
                return None
            await asyncio.sleep(POLL_SECONDS)

    async def _end(self, lease: bytes, name: str, value: bytes, seconds: float) -> None:
        """Replace the lease by the value. If the lease is gone, the value has changed, and this one is outdated."""
        if 0 < len(value) <= LARGEST_VALUE:
            # Values that were loaded at the same time do not expire at the same time.
            expires_in = seconds * random.uniform(0.8, 1)  # noqa: S311  # no secret
            await self._ask(lambda: self._store.replace(name, lease, value, expires_in))
        else:
            await self._ask(lambda: self._store.delete(name))

    async def _ask(self, operation: Callable[[], Awaitable[Answer]], *, skips: bool = True) -> Answer | None:
        """The answer of the server. None if it does not answer, or if it `skips` and the server failed a moment ago."""
        is_retry = not self._answers
        if is_retry and skips:
            if time.monotonic() < self._retry_at:
                _skipped.inc()
                return None
            # This request tries again. Others do not wait for its result.
            self._postpone_retry()
        try:
            answer = await operation()
        except Exception as error:  # whatever the client raises, the request goes on without the server
            _failed.inc()
            self._report_failure(error)
            return None
        _succeeded.inc()
        if is_retry:
            self._report_recovery()
        return answer

    def _report_failure(self, error: Exception) -> None:
        if self._answers:
            log.warning("cache unavailable", error=repr(error))
        self._answers = False
        self._postpone_retry()

    def _report_recovery(self) -> None:
        log.warning("cache available again")
        self._answers = True

    def _postpone_retry(self) -> None:
        self._retry_at = time.monotonic() + RETRY_SECONDS


def _name(key: str) -> str:
    return f"{NAME}:value:{key}"
