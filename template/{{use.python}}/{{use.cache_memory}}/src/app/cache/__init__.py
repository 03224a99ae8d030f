"""Short-lived values, kept in this process."""

from collections.abc import Awaitable, Callable, Mapping

from app.cache.counters import Counters, current_window
from app.config import Settings


class Cache:
    """Counters that expire. Replicas do not share them."""

    dependencies: Mapping[str, Callable[[], Awaitable[None]]] = {}
    """The servers that it uses, by name. The functions raise an exception if the server does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._counters = Counters()

    async def increment(self, key: str, seconds: int) -> tuple[int, int]:
        """Add 1 to the count of `key` in the current window of `seconds`.

        Returns the count, and the whole seconds until the window ends.
        """
        _, ends_in = current_window(seconds)
        return self._counters.increment(key, seconds), ends_in

    async def aclose(self) -> None:
        """Nothing is open."""
