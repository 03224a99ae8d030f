"""The Memcached server that holds the counters and the values."""

from hashlib import blake2b
from urllib.parse import urlsplit

from memcachio import Client

from app.config import Settings
from app.config.cache import DEFAULT_PORT

TIMEOUT_SECONDS = 0.25
"""How long the server may take to answer a command, and to accept a connection."""
LONGEST_EXPIRY_SECONDS = 30 * 24 * 3600
"""Memcached takes a larger number for the time of a clock."""


class Store:
    """A client of the server. Its operations raise an exception if the server does not answer in time."""

    def __init__(self, settings: Settings) -> None:
        url = urlsplit(settings.cache_url)
        self._client = Client(
            (url.hostname or "", url.port or DEFAULT_PORT),
            decode_responses=False,
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

    async def fetch(self, key: str, lease: bytes, seconds: int) -> bytes:
        """The value of a key. If there is none, set `lease` for some seconds, and return it."""
        digest = _digest(key)
        while (found := (await self._client.get(digest)).get(digest.encode())) is None:
            if await self._client.add(digest, lease, expiry=seconds):
                return lease
            # Another process was faster.
        return found.value

    async def replace(self, key: str, lease: bytes, value: bytes, seconds: float) -> None:
        """Set a value that expires after some seconds, if the key still has this lease."""
        digest = _digest(key)
        found = (await self._client.gets(digest)).get(digest.encode())
        if found and found.value == lease and found.cas is not None:
            await self._client.cas(digest, value, found.cas, expiry=min(int(seconds) or 1, LONGEST_EXPIRY_SECONDS))

    async def delete(self, key: str) -> None:
        """Delete a value or a lease."""
        await self._client.delete(_digest(key))

    async def ping(self) -> None:
        """Check that the server answers."""
        await self._client.version()

    async def aclose(self) -> None:
        """Close all connections."""
        self._client.connection_pool.close()


def _digest(key: str) -> str:
    """A key that Memcached accepts: without spaces, of at most 250 bytes."""
    return blake2b(key.encode(), digest_size=16).hexdigest()
