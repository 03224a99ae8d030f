"""The Redis server that holds the counters and the values."""

import asyncio

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.config import Settings

TIMEOUT_SECONDS = 0.25
"""How long an operation may take, including a new connection."""
CONNECTIONS = 8
"""A burst of requests shares the connections: to open one takes several times as long as to count."""

_REPLACE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then
    redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
"""


class Store:
    """A client of the server. Its operations raise an exception if the server does not answer in time."""

    def __init__(self, settings: Settings) -> None:
        pool = BlockingConnectionPool.from_url(
            settings.cache_url,
            max_connections=CONNECTIONS,
            timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), retries=0),
        )
        self._redis = Redis.from_pool(pool)

    async def increment(self, key: str, seconds: int) -> int:
        """Add 1 to a counter, which expires `seconds` after its first use. Returns the count."""
        # The transaction sets the expiry before it counts, so every counter has one.
        async with asyncio.timeout(TIMEOUT_SECONDS), self._redis.pipeline() as transaction:
            transaction.set(key, 0, ex=seconds, nx=True)
            transaction.incr(key)
            _, count = await transaction.execute()
        return int(count)

    async def fetch(self, key: str, lease: bytes, seconds: int) -> bytes:
        """The value of a key. If there is none, set `lease` for some seconds, and return it."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            found = await self._redis.set(key, lease, ex=seconds, nx=True, get=True)
        return found if isinstance(found, bytes) else lease

    async def replace(self, key: str, lease: bytes, value: bytes, seconds: float) -> None:
        """Set a value that expires after some seconds, if the key still has this lease."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self._redis.eval(_REPLACE, 1, key, lease, value, int(seconds * 1000))

    async def delete(self, key: str) -> None:
        """Delete a value or a lease."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self._redis.delete(key)

    async def ping(self) -> None:
        """Check that the server answers."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self._redis.ping()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._redis.aclose()
