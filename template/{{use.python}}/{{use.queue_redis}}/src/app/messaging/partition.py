"""A partition: a stream that one worker reads at a time.

The hash `NAME.events.owners` tells which worker reads each partition; the sorted set `NAME.events.workers`, until when
each worker counts as alive. Only scripts use them, because Redis runs nothing else during a script.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple, Self

from redis.asyncio import Redis

from app import NAME
from app.lifecycle import wait
from app.messaging.envelope import PARTITIONS

BATCH_SIZE = 20
"""The number of messages that a worker holds. If it dies, they are all delivered again, as repeated ones."""
BLOCK_SECONDS = 1
LEASE_SECONDS = 5
"""A worker that was not heard of for so long counts as dead."""
RELEASE_TIMEOUT_SECONDS = 1

GROUP = NAME
CONSUMER = "worker"
"""The same in all workers: so each finds what the one before it has not acknowledged."""

# A full server takes no new events. With `allow-oom`, it goes on to deliver those that it has.
_COMMON = """\
#!lua flags=allow-oom
local owners, workers, stream = unpack(KEYS)
local worker, partition, lease = ARGV[1], ARGV[2], ARGV[3]
local owner = redis.call('HGET', owners, partition)

local function stay_alive()
  local time = redis.call('TIME')
  local now = time[1] * 1000 + math.floor(time[2] / 1000)
  redis.call('ZREMRANGEBYSCORE', workers, '-inf', now)
  redis.call('ZADD', workers, now + lease, worker)
end

local function count_owned()
  local count = 0
  for _, each in ipairs(redis.call('HVALS', owners)) do
    if each == worker then count = count + 1 end
  end
  return count
end
"""
_READ = """\
local partitions, group, consumer, batch_size = unpack(ARGV, 4)

local function read(id)
  local reply = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', batch_size, 'STREAMS', stream, id)
  return reply and reply[1][2] or {}
end

stay_alive()
if owner ~= worker then
  if owner and redis.call('ZSCORE', workers, owner) then return nil end
  redis.call('HSET', owners, partition, worker)
  redis.pcall('XGROUP', 'CREATE', stream, group, '0', 'MKSTREAM')
end
if count_owned() > math.ceil(partitions / redis.call('ZCARD', workers)) then
  redis.call('HDEL', owners, partition)
  return nil
end
local repeated = read('0')
for _, entry in ipairs(repeated) do
  -- An entry without fields was deleted, but not acknowledged.
  if not entry[2] then redis.call('XACK', stream, group, entry[1]) end
end
local new = #repeated == 0 and read('>') or {}
local last = redis.call('XREVRANGE', stream, '+', '-', 'COUNT', 1)[1]
return {repeated, new, last and last[1] or '0'}
"""
_RENEW = """\
if owner ~= worker then return 0 end
stay_alive()
return 1
"""
_RELEASE = """\
if owner == worker then redis.call('HDEL', owners, partition) end
if count_owned() == 0 then redis.call('ZREM', workers, worker) end
"""


class Entry(NamedTuple):
    """An entry of a stream."""

    id: bytes
    fields: dict[bytes, bytes]
    is_repeated: bool
    """Whether it was delivered before."""


class Partition:
    """A partition as one worker sees it."""

    def __init__(self, redis: Redis, events: str, number: int, worker: str) -> None:
        self.stream = f"{events}.{number}"
        self._redis = redis
        self._keys = (f"{events}.owners", f"{events}.workers", self.stream)
        self._arguments = (worker, number, round(1000 * LEASE_SECONDS))
        self._read, self._renew, self._release = (
            redis.register_script(_COMMON + script) for script in (_READ, _RENEW, _RELEASE)
        )
        self._last_id = b"0"
        self._owned_until = 0.0

    @property
    def is_owned(self) -> bool:
        """Whether no other worker reads the partition."""
        return time.monotonic() < self._owned_until

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[Self]:
        """Keep the partition, once it is read, while the context lasts. Give it back at the end."""
        keeping = asyncio.create_task(self._keep())
        try:
            yield self
        finally:
            keeping.cancel()
            # Without an answer, the lease ends on its own.
            with suppress(Exception):
                async with asyncio.timeout(RELEASE_TIMEOUT_SECONDS):
                    await self._release(self._keys, self._arguments)

    async def read(self) -> list[Entry]:
        """Read what comes next, the oldest entry first. Nothing if another worker owns the partition, or should own it.

        The entries of the last time must be acknowledged: those that are not come again. A worker owns at most its
        share: the number of partitions, divided by the number of workers, and rounded up.
        """
        now = time.monotonic()
        arguments = (*self._arguments, PARTITIONS, GROUP, CONSUMER, BATCH_SIZE)
        reply = await self._read(self._keys, arguments)
        if reply is None:
            self._owned_until = 0
            return []
        self._owned_until = now + LEASE_SECONDS
        repeated, new, self._last_id = reply
        return [*_entries(repeated, is_repeated=True), *_entries(new, is_repeated=False)]

    async def wait(self, stop: asyncio.Event) -> None:
        """Return when there may be something to read, or when `stop` is set."""
        if not self.is_owned:
            await wait(stop, BLOCK_SECONDS)
            return
        # XREADGROUP would take entries, perhaps when another worker owns the partition already. XREAD takes none.
        reading = asyncio.ensure_future(
            self._redis.xread({self.stream: self._last_id}, count=1, block=round(1000 * BLOCK_SECONDS))
        )
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((reading, stopping), return_when=asyncio.FIRST_COMPLETED)
            if reading.done():
                reading.result()  # raises its error
        finally:
            reading.cancel()
            stopping.cancel()
            await asyncio.gather(reading, stopping, return_exceptions=True)

    async def _keep(self) -> None:
        while True:
            await asyncio.sleep(LEASE_SECONDS / 3)
            now = time.monotonic()
            with suppress(Exception):  # the next attempt may succeed
                if self.is_owned and await self._renew(self._keys, self._arguments):
                    self._owned_until = now + LEASE_SECONDS


def _entries(found: list[tuple[bytes, list[bytes] | None]], *, is_repeated: bool) -> list[Entry]:
    return [
        Entry(id_, dict(zip(fields[::2], fields[1::2], strict=True)), is_repeated) for id_, fields in found if fields
    ]
