"""Everything that is specific to Redis.

The streams `NAME.events.PARTITION` keep the events for this service until they are handled. The stream `NAME.events`
keeps copies for the other services that have a consumer group there, until all of them have acknowledged them.
`NAME.events.refused` keeps messages that are no events.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError
from redis.typing import EncodableT, FieldT

from app import NAME
from app.config import Settings
from app.messaging.envelope import PARTITIONS, Delivery, Envelope
from app.messaging.partition import GROUP, Entry, Partition

KEPT_REFUSED = 10_000
"""The number of refused messages that are kept."""
OLDEST_VERSION = 7
TIMEOUT_SECONDS = 3
TRIM_INTERVAL_SECONDS = 10

EVENTS = f"{NAME}.events"

CHANNELS: Mapping[str, Mapping[str, Any]] = {
    "events": {
        "address": EVENTS,
        "description": "The stream for the consumer groups of other services. `event` of an entry is the event.",
    },
    "queue": {
        "address": EVENTS + ".{partition}",
        "description": f"The streams of this service, read by the group `{GROUP}`. The subject selects the partition.",
        "parameters": {"partition": {"enum": [str(number) for number in range(PARTITIONS)]}},
    },
}
"""How docs/asyncapi.json describes where other services get events, and where the workers of this service do."""


class Broker:
    """A client of the server. Its connections are opened when they are needed, also after they were lost."""

    def __init__(self, settings: Settings) -> None:
        self._redis = _client(settings)
        self._worker = secrets.token_hex(8)
        self._trim_at = 0.0

    async def connect(self) -> None:
        """Connect. Raise an error if the server does not answer."""
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self._redis.ping()

    async def close(self) -> None:
        await self._redis.aclose()

    async def ping(self) -> None:
        """Raise an error if the server does not answer."""
        await self.connect()

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Publish messages. Return when the server has stored all of them.

        Raises an error if it has stored none, or if nobody knows, because its answer was lost.
        """
        async with asyncio.timeout(TIMEOUT_SECONDS):
            await self._trim()
            async with self._redis.pipeline() as transaction:
                for envelope in envelopes:
                    fields = _fields(envelope)
                    transaction.xadd(f"{EVENTS}.{envelope.partition}", fields)
                    # A retry concerns no other service.
                    if envelope.handler is None:
                        transaction.xadd(EVENTS, fields, nomkstream=True)
                await transaction.execute()

    async def receive(self, partition: int, stop: asyncio.Event) -> AsyncGenerator[Delivery, None]:
        """The messages of a partition, until `stop` is set. None as long as another worker receives them.

        Raises ConnectionError if another worker may have taken over, and RedisError if the server does not answer.
        """
        await self.connect()
        async with Partition(self._redis, EVENTS, partition, self._worker).kept() as kept:
            while not stop.is_set():
                entries = await kept.read()
                for entry in entries:
                    if stop.is_set():
                        return
                    if not kept.is_owned:
                        raise ConnectionError("another worker may have taken over")
                    yield self._delivery(kept.stream, entry)
                if not entries:
                    await kept.wait(stop)

    def _delivery(self, stream: str, entry: Entry) -> Delivery:
        fields = {name.decode(): value for name, value in entry.fields.items()}

        async def acknowledge() -> None:
            # No transaction: a full server refuses all of them. An entry that is only deleted is acknowledged later.
            async with self._redis.pipeline(transaction=False) as commands:
                commands.xdel(stream, entry.id)
                commands.xack(stream, GROUP, entry.id)
                await commands.execute()

        async def refuse() -> None:
            await self._redis.xadd(f"{EVENTS}.refused", dict(entry.fields.items()), maxlen=KEPT_REFUSED)
            await acknowledge()

        return Delivery(
            id=fields.pop("id", b"").decode(),
            body=fields.pop("event", b""),
            headers={name: value.decode() for name, value in fields.items()},
            is_repeated=entry.is_repeated,
            acknowledge=acknowledge,
            refuse=refuse,
        )

    async def _trim(self) -> None:
        """Delete the copies that all other services have acknowledged, from time to time."""
        now = time.monotonic()
        if now < self._trim_at or not await self._redis.exists(EVENTS):
            return
        self._trim_at = now + TRIM_INTERVAL_SECONDS
        needed = []
        for group in await self._redis.xinfo_groups(EVENTS):
            pending = await self._redis.xpending(EVENTS, group["name"])
            needed.append(pending["min"] or group["last-delivered-id"])
        if needed:
            await self._redis.xtrim(EVENTS, minid=min(needed, key=_place), approximate=False)
        else:
            await self._redis.xtrim(EVENTS, maxlen=0, approximate=False)


async def refusal(settings: Settings) -> str | None:
    """Why the server of `QUEUE_URL` cannot be used. None if it can, or does not answer: it may answer later."""
    redis = _client(settings)
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS):
            server = await redis.info()
    except Exception as error:
        return _reason(error)
    finally:
        await redis.aclose()
    return _defect(str(server["redis_version"]), str(server["maxmemory_policy"]))


def _reason(error: Exception) -> str | None:
    is_permanent = isinstance(error, AuthenticationError) or "DB index" in str(error)
    return str(error) if is_permanent else None


def _defect(version: str, eviction: str) -> str | None:
    if int(version.partition(".")[0]) < OLDEST_VERSION:
        return f"the server is Redis {version}, but must be {OLDEST_VERSION}.0 or newer"
    # Other policies delete only keys that expire.
    if eviction.startswith("allkeys"):
        return f"the server would delete events: its maxmemory-policy is {eviction}, but must be noeviction"
    return None


def _client(settings: Settings) -> Redis:
    return Redis.from_url(
        settings.queue_url,
        socket_connect_timeout=TIMEOUT_SECONDS,
        socket_timeout=TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), retries=0),
    )


def _fields(envelope: Envelope) -> dict[FieldT, EncodableT]:
    fields: dict[FieldT, EncodableT] = {"id": envelope.id, "type": envelope.type, "event": envelope.body}
    fields.update(envelope.headers.items())
    return fields


def _place(id_: bytes) -> tuple[int, ...]:
    """The place of an entry in its stream."""
    return tuple(map(int, id_.split(b"-")))
