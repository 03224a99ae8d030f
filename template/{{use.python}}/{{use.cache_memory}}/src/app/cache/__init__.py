"""Short-lived values, kept in this process."""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from pydantic import BaseModel

from app.cache.counters import Counters, current_window
from app.cache.local import LocalCache, loaded
from app.config import Settings

Value = TypeVar("Value", bound=BaseModel)


class Cache:
    """Counters that expire, and values that are loaded once for concurrent callers. Replicas do not share them."""

    dependencies: Mapping[str, Callable[[], Awaitable[None]]] = {}
    """The servers that it uses, by name. The functions raise an exception if the server does not answer."""

    def __init__(self, settings: Settings) -> None:
        self._counters = Counters()
        self._local = LocalCache()

    async def increment(self, key: str, seconds: int) -> tuple[int, int]:
        """Add 1 to the count of `key` in the current window of `seconds`.

        Returns the count, and the whole seconds until the window ends.
        """
        _, ends_in = current_window(seconds)
        return self._counters.increment(key, seconds), ends_in

    async def get_or_load(
        self, key: str, kind: type[Value], load: Callable[[], Awaitable[Value]], *, seconds: float
    ) -> Value:
        """The value of `key`. If there is none, load it, and keep it for `seconds`, at most `LOCAL_SECONDS`.

        Callers that ask for it at the same time share one load, and get its exception if it fails.
        """

        async def serialize() -> bytes:
            loaded.inc()
            return (await load()).model_dump_json().encode()

        return kind.model_validate_json(await self._local.get_or_load(key, serialize, seconds))

    async def invalidate(self, key: str) -> None:
        """Forget a value that has changed, after the commit. Other replicas see the change after `LOCAL_SECONDS`."""
        self._local.drop(key)

    async def aclose(self) -> None:
        """Nothing is open."""
