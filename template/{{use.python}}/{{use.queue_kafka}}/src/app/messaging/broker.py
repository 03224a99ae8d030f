"""Everything that is specific to Kafka.

The topic `NAME.events` takes every event. The key of a message is its subject, so one partition has all events of a
subject, in their order. Another service reads the topic with a consumer group of its own; the group of this service is
`NAME`. The topic `NAME.events.retries` has messages whose handler has failed before, and `NAME.events.refused` those
that are no events.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Container, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from app import NAME
from app.config import Settings
from app.config.queue import client_settings
from app.messaging.envelope import CONTENT_TYPE, Delivery, Envelope, UnsendableError
from app.messaging.waves import waves

CONFIRM_TIMEOUT_SECONDS = 3
CONNECT_TIMEOUT_SECONDS = 3
CREATE_TIMEOUT_SECONDS = 10
CONSUMER_TIMEOUT_SECONDS = 10
"""How long a consumer waits for the server. librdkafka would repeat a commit for as long as the server is silent."""
PING_TIMEOUT_SECONDS = 1
POLL_SECONDS = 0.25
"""How long a consumer waits for a message before it checks whether it must stop."""
REBALANCE_SECONDS = 3
"""How long a consumer tries to commit while consumers join and leave. It is less than CONSUMER_TIMEOUT_SECONDS."""
RETRY_SECONDS = 0.05
TOPIC_PARTITIONS = 12
"""The partitions of a new topic. A worker has four consumers, so up to three workers share them evenly."""

EVENTS = f"{NAME}.events"
GROUP = NAME

CHANNELS: Mapping[str, Mapping[str, Any]] = {
    "events": {
        "address": EVENTS,
        "description": "Takes every event. The key of a record is the subject of the event.",
        "bindings": {"kafka": {"topic": EVENTS, "partitions": TOPIC_PARTITIONS}},
    },
    "queue": {
        "address": EVENTS,
        "description": f"The same topic, read by the group `{GROUP}`. It also reads `{EVENTS}.retries`.",
        "bindings": {"kafka": {"topic": EVENTS, "partitions": TOPIC_PARTITIONS}},
    },
}
"""How docs/asyncapi.json describes where other services get events, and where the workers of this service do."""

CONSUMER = {
    "auto.offset.reset": "earliest",
    "enable.auto.commit": False,
    # While consumers join and leave, the others go on with the partitions that they keep.
    "partition.assignment.strategy": "cooperative-sticky",
    # The messages of a worker that dies wait so long. A server accepts no less by default. The heartbeats come from a
    # thread of librdkafka, so no handler delays them.
    "session.timeout.ms": 6000,
    "heartbeat.interval.ms": 1000,
    # A consumer buffers no more than this.
    "queued.min.messages": 100,
    "queued.max.messages.kbytes": 1024,
}
"""The settings of librdkafka for a consumer."""

_T = TypeVar("_T")
_Headers = dict[str, str | bytes | None] | list[tuple[str, str | bytes | None]]

_CLIENT = {
    # What it logs is also raised.
    "log_level": 0,
    "reconnect.backoff.max.ms": 1000,
}
_STARTED = "started"
_REFUSALS = {
    "_AUTHENTICATION",
    "_INVALID_ARG",
    "CLUSTER_AUTHORIZATION_FAILED",
    "GROUP_AUTHORIZATION_FAILED",
    "TOPIC_AUTHORIZATION_FAILED",
}
"""Errors that no retry would end."""
_REBALANCES = {"ILLEGAL_GENERATION", "REBALANCE_IN_PROGRESS"}
"""Errors of a commit until the consumer knows the new generation of its group."""


class Broker:
    """One producer, and a consumer for each `receive`. They open their connections again when they are lost."""

    def __init__(self, settings: Settings) -> None:
        self._client: dict[str, Any] = {**_CLIENT, **client_settings(settings.queue_url)}
        self._producer = _Producer(self._client)
        # The calls of the producer block, so they run in this thread, one after the other.
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._connecting: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Connect, and create the topics that are missing. Do nothing if this was done."""
        # The relay and all consumers share an attempt: one after the other, they would delay the end of a worker.
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._call(self._producer.connect))
            self._connecting.add_done_callback(_note_failure)
        await asyncio.shield(self._connecting)

    async def close(self) -> None:
        await self._call(self._producer.close)

    async def ping(self) -> None:
        """Raise an error if the server does not answer."""
        await self.connect()
        await self._call(self._producer.ping)

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Publish messages. Return when the server has stored all of them.

        Raises UnsendableError if one is too large, and other errors if one is not stored; others may be stored.
        """
        try:
            for wave in waves(envelopes):
                await self._send_wave(wave)
        except BaseException:
            await self.close()  # nobody knows which confirmations are still to come
            raise

    async def receive(self, partition: int, stop: asyncio.Event) -> AsyncGenerator[Delivery, None]:
        """The messages of the partitions that Kafka assigns to this consumer, until `stop` is set.

        `partition` only numbers the consumers of this process. Raises KafkaException if Kafka excludes the consumer,
        and TimeoutError if it does not answer.
        """
        await self.connect()
        member = _Member(self._client)
        try:
            await member.join()
            while not stop.is_set():
                message, is_repeated = await member.next()
                if message and not stop.is_set():
                    yield self._delivery(member, message, is_repeated=is_repeated)
        finally:
            await member.leave()

    async def _send_wave(self, wave: Sequence[Envelope]) -> None:
        try:
            await self._send([Record.of(envelope) for envelope in wave])
        except KafkaException as error:
            problem: KafkaError = error.args[0]
            if problem.code() != KafkaError.MSG_SIZE_TOO_LARGE:
                raise
            if len(wave) == 1:
                raise UnsendableError(wave[0], f"{len(wave[0].body)} bytes: {problem.str()}") from error
            # A topic may take less than the server. Then it refuses a whole batch, whichever message is too large.
            await self._call(self._producer.close)
            for envelope in wave:
                await self._send_wave([envelope])

    async def _send(self, records: Sequence["Record"]) -> None:
        await self._call(lambda: self._producer.send(records))

    async def _call(self, function: Callable[[], None]) -> None:
        await asyncio.get_running_loop().run_in_executor(self._thread, function)

    def _delivery(self, member: "_Member", message: Message, *, is_repeated: bool) -> Delivery:
        headers = {name: _text(value) for name, value in dict(message.headers() or {}).items()}

        async def acknowledge() -> None:
            await member.commit(message)

        async def refuse() -> None:
            await self._send([Record(f"{EVENTS}.refused", message.key(), message.value(), message.headers())])
            await acknowledge()

        return Delivery(
            id=headers.get("message-id", ""),
            body=message.value() or b"",
            headers=headers,
            is_repeated=is_repeated,
            acknowledge=acknowledge,
            refuse=refuse,
        )


async def refusal(settings: Settings) -> str | None:
    """Why the server refuses `QUEUE_URL`. None if it accepts it, or does not answer: it may answer later."""
    broker = Broker(settings)
    try:
        await broker.connect()
    except KafkaException as error:
        problem: KafkaError = error.args[0]
        return problem.str() if problem.name() in _REFUSALS else None
    finally:
        await broker.close()
    return None


@dataclass(frozen=True, slots=True)
class Record:
    topic: str
    key: str | bytes | None
    value: bytes | None
    headers: _Headers | None

    @classmethod
    def of(cls, envelope: Envelope) -> "Record":
        return cls(
            # A retry concerns no other service.
            topic=EVENTS if envelope.handler is None else f"{EVENTS}.retries",
            key=envelope.subject,
            value=envelope.body,
            headers={"content-type": CONTENT_TYPE, "message-id": envelope.id, **envelope.headers},
        )


class _Producer:
    """A producer of librdkafka. Its methods block."""

    def __init__(self, client: dict[str, Any]) -> None:
        self._client = client
        self._opened: Producer | None = None
        self._has_topics = False
        self._problem: KafkaError | None = None

    def connect(self) -> None:
        """Create the topics that are missing. Do nothing if this was done.

        Raises: KafkaException
        """
        if not self._has_topics:
            wanted = {EVENTS: TOPIC_PARTITIONS, f"{EVENTS}.retries": TOPIC_PARTITIONS, f"{EVENTS}.refused": 1}
            existing = self._topics(timeout=CONNECT_TIMEOUT_SECONDS)
            _create(self._client, {name: count for name, count in wanted.items() if name not in existing})
            self._has_topics = True

    def ping(self) -> None:
        """Raises: KafkaException"""
        self._topics(EVENTS, timeout=PING_TIMEOUT_SECONDS)

    def send(self, records: Sequence[Record]) -> None:
        """Send records, and wait until the server has stored them.

        Raises: KafkaException, TimeoutError
        """
        errors: list[KafkaError] = []

        def note(error: KafkaError | None, _: Message) -> None:
            if error:
                errors.append(error)

        producer = self._open()
        for each in records:
            producer.produce(each.topic, each.value, each.key, on_delivery=note, headers=each.headers or {})
        if producer.flush(CONFIRM_TIMEOUT_SECONDS + 1):
            raise TimeoutError("the server has not confirmed all messages")
        if errors:
            raise KafkaException(errors[0])

    def close(self) -> None:
        producer, self._opened, self._has_topics = self._opened, None, False
        if producer:
            producer.purge()
            producer.close()

    def _open(self) -> Producer:
        # Kept while the server does not answer, because it goes on connecting.
        if self._opened is None:
            producer = {"enable.idempotence": True, "message.timeout.ms": CONFIRM_TIMEOUT_SECONDS * 1000}
            self._opened = Producer({**self._client, **producer, "error_cb": self._note})
        return self._opened

    def _topics(self, only: str | None = None, *, timeout: float) -> Container[str]:
        producer = self._open()
        try:
            topics: Container[str] = producer.list_topics(only, timeout).topics
        except KafkaException as error:
            self._problem = error.args[0]
            producer.poll(0)  # calls `_note` with what happened on the connections
            raise KafkaException(self._problem) from error
        return topics

    def _note(self, error: KafkaError) -> None:
        if error.name() in _REFUSALS:
            self._problem = error


class _Member:
    """A consumer of the group. Its calls block, so they run in a thread of its own, one after the other."""

    def __init__(self, client: dict[str, Any]) -> None:
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._consumer = Consumer({**client, **CONSUMER, "group.id": GROUP})
        self._assigned: set[TopicPartition] = set()
        """Partitions of which no message was received since they were assigned."""

    async def join(self) -> None:
        await self._call(self._join)

    async def leave(self) -> None:
        """Leave the group. If the server is silent, the thread goes on and leaves when it answers."""
        leaving = asyncio.get_running_loop().run_in_executor(self._thread, self._consumer.close)
        self._thread.shutdown(wait=False)
        await asyncio.wait([leaving], timeout=CONNECT_TIMEOUT_SECONDS)

    async def next(self) -> tuple[Message | None, bool]:
        """The next message, if there is one, and whether a consumer has started on it before.

        Raises: KafkaException, TimeoutError
        """
        return await self._call(self._next)

    async def commit(self, message: Message) -> None:
        """Let the group go on after a message.

        Raises: KafkaException, TimeoutError
        """
        await self._call(lambda: self._commit(_place(message, 1)))

    async def _call(self, function: Callable[[], _T]) -> _T:
        async with asyncio.timeout(CONSUMER_TIMEOUT_SECONDS):
            return await asyncio.get_running_loop().run_in_executor(self._thread, function)

    def _join(self) -> None:
        def note(_: Consumer, partitions: list[TopicPartition]) -> None:
            self._assigned.update(partitions)

        self._consumer.subscribe([EVENTS, f"{EVENTS}.retries"], on_assign=note)

    def _next(self) -> tuple[Message | None, bool]:
        message = self._consumer.poll(POLL_SECONDS)
        if message is None:
            return None, False
        if error := message.error():
            raise KafkaException(error)
        return message, self._is_repeated(_place(message))

    def _is_repeated(self, place: TopicPartition) -> bool:
        """Whether a consumer died while it handled the message at this place.

        Kafka does not count deliveries. But each message is committed before the next one is handled. So a message that
        was started on before is the first one of its partition that a consumer receives. Such a message is marked in
        the metadata of the commit of the offset, which the next commit replaces.
        """
        if place not in self._assigned:
            return False
        self._assigned.discard(place)
        [committed] = self._consumer.committed([place], CONNECT_TIMEOUT_SECONDS)
        if (committed.offset, committed.metadata) == (place.offset, _STARTED):
            return True
        self._commit(TopicPartition(place.topic, place.partition, place.offset, _STARTED))
        return False

    def _commit(self, place: TopicPartition) -> None:
        """Commit, and wait while the group is rebalanced. A consumer that failed would leave, and rebalance it again.

        It may commit in the new generation: Kafka gives a partition to another consumer only when this one revokes it.
        """
        ends = time.monotonic() + REBALANCE_SECONDS
        while error := self._commit_once(place):
            if error.name() not in _REBALANCES or time.monotonic() > ends:
                raise KafkaException(error)
            time.sleep(RETRY_SECONDS)

    def _commit_once(self, place: TopicPartition) -> KafkaError | None:
        try:
            [committed] = self._consumer.commit(offsets=[place], asynchronous=False)
        except KafkaException as error:
            return cast("KafkaError", error.args[0])
        return committed.error


def _note_failure(attempt: asyncio.Task[None]) -> None:
    """Take the error of an attempt, so that asyncio logs nothing when all who waited for it were stopped."""
    if not attempt.cancelled():
        attempt.exception()


def _place(message: Message, after: int = 0) -> TopicPartition:
    """The place of a message, or that of a later one."""
    topic, partition, offset = message.topic(), message.partition(), message.offset()
    assert topic is not None and partition is not None and offset is not None
    return TopicPartition(topic, partition, offset + after)


def _create(client: dict[str, Any], partitions: Mapping[str, int]) -> None:
    """Create topics with these numbers of partitions. Another process may create them at the same time.

    Raises: KafkaException
    """
    if not partitions:
        return
    admin = AdminClient(client)
    topics = [NewTopic(name, count) for name, count in partitions.items()]
    for creation in admin.create_topics(topics, request_timeout=CREATE_TIMEOUT_SECONDS).values():
        try:
            creation.result()
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise


def _text(value: str | bytes | None) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""
