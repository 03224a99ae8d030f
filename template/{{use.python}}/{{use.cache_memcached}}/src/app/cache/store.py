"""The Memcached server that holds the counters."""

from hashlib import blake2b
from urllib.parse import urlsplit

from memcachio import Client

from app.config import Settings
from app.config.cache import DEFAULT_PORT

TIMEOUT_SECONDS = 0.25
"""How long the server may take to answer a command, and to accept a connection."""


class Store:
    """A client of the server. Its operations raise an exception if the server does not answer in time."""

    def __init__(self, settings: Settings) -> None:
        url = urlsplit(settings.cache_url)
        self._client = Client(
            (url.hostname or "", url.port or DEFAULT_PORT),
            connect_timeout=TIMEOUT_SECONDS,
            read_timeout=TIMEOUT_SECONDS,
            blocking_timeout=TIMEOUT_SECONDS,
        )

    async def increment(self, key: str, seconds: int) -> int:
        """Add 1 to a counter, which expires `seconds` after its first use. Returns the count."""
        digest = _digest(key)
        # Only `add` creates a counter, so every counter has an expiry.
        if (count := await self._client.incr(digest, 1)) is not None:
            return count
        if await self._client.add(digest, "1", expiry=seconds):
            return 1
        # Another process was faster.
        return await self._client.incr(digest, 1) or 1

    async def ping(self) -> None:
        """Check that the server answers."""
        await self._client.version()

    async def aclose(self) -> None:
        """Close all connections."""
        self._client.connection_pool.close()


def _digest(key: str) -> str:
    """A key that Memcached accepts: without spaces, of at most 250 bytes."""
    return blake2b(key.encode(), digest_size=16).hexdigest()
