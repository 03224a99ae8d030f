"""Short-lived values on the server of `CACHE_URL`, which all replicas share."""

import time
from collections.abc import Awaitable, Callable, Mapping

import structlog
from prometheus_client import Counter

from app import NAME
from app.cache.counters import Counters, current_window
from app.cache.store import Store
from app.config import Settings

log = structlog.get_logger()

RETRY_SECONDS = 5
"""How long the server is not asked again after it has failed."""

_requests = Counter("cache_requests_total", "Requests to the cache; skipped if it has just failed", ["result"])
_succeeded, _failed, _skipped = (_requests.labels(result) for result in ("ok", "error", "skipped"))


class Cache:
    """Counters that expire. All replicas share them.

    While the server does not answer, this process counts on its own, from zero. Nothing fails.
    """

    def __init__(self, settings: Settings) -> None:
        self._store = Store(settings)
        self._own = Counters()
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
        # The clocks of replicas differ. So a counter exists for longer than its window.
        count = await self._increment_shared(f"{NAME}:{seconds}:{window}:{key}", 2 * seconds)
        if count is None:
            count = self._own.increment(key, seconds)
        return count, ends_in

    async def aclose(self) -> None:
        """Close all connections."""
        await self._store.aclose()

    async def _increment_shared(self, key: str, seconds: int) -> int | None:
        """The count on the server. None if the server does not answer, or if it failed a moment ago."""
        is_retry = not self._answers
        if is_retry:
            if time.monotonic() < self._retry_at:
                _skipped.inc()
                return None
            # This request tries again. Others do not wait for its result.
            self._postpone_retry()
        try:
            count = await self._store.increment(key, seconds)
        except Exception as error:  # whatever the client raises, the request goes on without the server
            _failed.inc()
            self._report_failure(error)
            return None
        _succeeded.inc()
        if is_retry:
            self._report_recovery()
        return count

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
