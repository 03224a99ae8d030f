"""Everything that is specific to Amazon SQS and SNS.

The queue is FIFO, and a subject is a message group: while a message of a group is being handled, the queue delivers no
later one. So any number of receivers keep the order. The queue `*-refused.fifo` holds messages that are no events, and
those that were delivered far too often.
"""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession, get_session
from botocore.exceptions import ClientError, NoCredentialsError

from app.config import Settings
from app.messaging.envelope import CONTENT_TYPE, Delivery, Envelope, UnsendableError
from app.messaging.waves import waves

if TYPE_CHECKING:
    from types_aiobotocore_sns import SNSClient
    from types_aiobotocore_sns.type_defs import PublishBatchRequestEntryTypeDef
    from types_aiobotocore_sqs import SQSClient
    from types_aiobotocore_sqs.literals import QueueAttributeNameType
    from types_aiobotocore_sqs.type_defs import (
        MessageAttributeValueTypeDef,
        MessageTypeDef,
        SendMessageBatchRequestEntryTypeDef,
    )

CONNECT_TIMEOUT_SECONDS = 5
PUBLISH_TIMEOUT_SECONDS = 5
WAIT_SECONDS = 2
"""How long a receiver waits for messages. A worker that stops waits as long: SQS also delivers to a request that was
cancelled, and hides such messages, with all later ones of their groups, until the lease ends."""
BATCH_SIZE = 10
MAX_BYTES = 262_144
"""The size of a message with its attributes, and of a batch. By default, a topic takes no more."""
RECEIVE_LIMIT = 100
"""The last resort. The consumer gives a message up long before, after QUEUE_MAX_ATTEMPTS."""

# Without an `address`, because settings have it.
CHANNELS: Mapping[str, Mapping[str, Any]] = {
    "events": {
        "description": "The FIFO topic that `QUEUE_TOPIC_ARN` names. If it is unset, only the queue gets events.",
    },
    "queue": {
        "description": "The FIFO queue of this service, which `QUEUE_URL` names.",
    },
}
"""How docs/asyncapi.json describes where other services get events, and where the workers of this service do."""

_AWS_HOST = re.compile(r"(?:.+\.)?sqs(?:-fips)?\.([a-z0-9-]+)\.(?:vpce\.)?(?:amazonaws\.com(?:\.cn)?|api\.aws)")
_CONFIG = AioConfig(
    connect_timeout=2,
    read_timeout=WAIT_SECONDS + 2,
    retries={"total_max_attempts": 2, "mode": "standard"},
    max_pool_connections=30,
)
_FIFO: Mapping["QueueAttributeNameType", str] = {
    "FifoQueue": "true",
    "DeduplicationScope": "messageGroup",
    "FifoThroughputLimit": "perMessageGroupId",
    "MessageRetentionPeriod": str(14 * 24 * 3600),
}


class Broker:
    """The clients of SQS and SNS. They are created when they are needed."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.queue_url
        self._refused_url = f"{settings.queue_url.removesuffix('.fifo')}-refused.fifo"
        self._topic = settings.queue_topic_arn
        self._lease_seconds = settings.queue_lease_seconds
        self._is_production = settings.is_production
        self._connecting = asyncio.Lock()
        self._clients = AsyncExitStack()
        self._sqs: SQSClient
        self._sns: SNSClient
        self._is_open = False
        self._has_queues = False

    async def connect(self) -> None:
        """Find the queues and the topic; outside of production, create them. Do nothing if they were found.

        Raises LookupError if one is missing.
        """
        async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS), self._connecting:
            if not self._is_open:
                await self._open()
            if not self._has_queues:
                await (self._find() if self._is_production else self._create())
                self._has_queues = True

    async def close(self) -> None:
        self._is_open = self._has_queues = False
        await self._clients.aclose()

    async def ping(self) -> None:
        """Raise an error if the queue does not answer."""
        await self.connect()
        await self._arn(self._url)

    async def publish(self, envelopes: Sequence[Envelope]) -> None:
        """Publish messages. Return when all of them are stored.

        Raises UnsendableError before any is sent, and other errors if one is not stored; others may be stored.
        """
        for envelope in envelopes:
            if (size := _size(envelope)) > MAX_BYTES:
                raise UnsendableError(envelope, f"the message has {size} bytes, and SQS takes {MAX_BYTES}")
        try:
            for wave in waves(envelopes):
                async with asyncio.timeout(PUBLISH_TIMEOUT_SECONDS), asyncio.TaskGroup() as tasks:
                    for batch in _batches(wave):
                        tasks.create_task(self._send(batch))
        except BaseException:
            self._has_queues = False  # a server for development may have lost them
            raise

    async def receive(self, partition: int, stop: asyncio.Event) -> AsyncGenerator[Delivery, None]:
        """Messages of the queue, until `stop` is set. All partitions share them, because the queue keeps the order.

        Raises an error if the queue does not answer.
        """
        while not stop.is_set():
            async with self._held(await self._poll()) as held:
                for message in [*held.values()]:
                    if stop.is_set():
                        return
                    yield self._delivery(message, held)

    async def _open(self) -> None:
        session = get_session()
        self._sqs = await self._client(session, "sqs")
        if self._topic:
            self._sns = await self._client(session, "sns")
        self._is_open = True

    async def _client(self, session: AioSession, service: str) -> Any:
        # Otherwise, reading the description of the service would hold up the event loop.
        await asyncio.to_thread(session.warm_up_loader_caches, service)  # type: ignore[attr-defined]  # not in the stubs
        return await self._clients.enter_async_context(session.create_client(service, **client_options(self._url)))

    async def _find(self) -> None:
        for url in (self._url, self._refused_url):
            await self._arn(url)
        if self._topic:
            try:
                await self._sns.get_topic_attributes(TopicArn=self._topic)
            except self._sns.exceptions.NotFoundException as error:
                raise LookupError(f"there is no topic {self._topic}") from error

    async def _create(self) -> None:
        await self._create_queue(self._refused_url, _FIFO)
        redrive = {"deadLetterTargetArn": await self._arn(self._refused_url), "maxReceiveCount": RECEIVE_LIMIT}
        await self._create_queue(self._url, {**_FIFO, "RedrivePolicy": json.dumps(redrive)})
        if self._topic:
            await self._create_topic(self._topic, await self._arn(self._url))

    async def _create_queue(self, url: str, attributes: Mapping["QueueAttributeNameType", str]) -> None:
        await self._sqs.create_queue(QueueName=url.rpartition("/")[2], Attributes=attributes)

    async def _create_topic(self, topic: str, queue: str) -> None:
        """Create the topic, and let it send to the queue. Both are ARNs."""
        fifo = {"FifoTopic": "true", "FifoThroughputScope": "MessageGroup"}
        await self._sns.create_topic(Name=topic.rpartition(":")[2], Attributes=fifo)
        allow = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": queue,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [allow]})
        await self._sqs.set_queue_attributes(QueueUrl=self._url, Attributes={"Policy": policy})
        raw = {"RawMessageDelivery": "true"}
        await self._sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue, Attributes=raw)

    async def _arn(self, url: str) -> str:
        try:
            answer = await self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        except self._sqs.exceptions.QueueDoesNotExist as error:
            raise LookupError(f"there is no queue {url}") from error
        return answer["Attributes"]["QueueArn"]

    async def _send(self, batch: Sequence[Envelope]) -> None:
        failed: Sequence[Mapping[str, object]]
        if self._topic and not _is_retry(batch[0]):
            publications = [_publication(envelope) for envelope in batch]
            answer = await self._sns.publish_batch(TopicArn=self._topic, PublishBatchRequestEntries=publications)
            failed = answer.get("Failed", ())
        else:
            messages = [_message(envelope) for envelope in batch]
            failed = (await self._sqs.send_message_batch(QueueUrl=self._url, Entries=messages)).get("Failed", ())
        if failed:
            raise ConnectionError(f"{len(failed)} messages not stored: {failed[0]['Code']} {failed[0].get('Message')}")

    async def _poll(self) -> Sequence["MessageTypeDef"]:
        await self.connect()
        try:
            answer = await self._sqs.receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=BATCH_SIZE,
                WaitTimeSeconds=WAIT_SECONDS,
                VisibilityTimeout=self._lease_seconds,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
            )
        except BaseException:
            self._has_queues = False
            raise
        return answer.get("Messages", [])

    @asynccontextmanager
    async def _held(self, messages: Sequence["MessageTypeDef"]) -> AsyncIterator[dict[str, "MessageTypeDef"]]:
        """Hold messages, by their receipt handles. Those that are left at the end are delivered again."""
        held = {message["ReceiptHandle"]: message for message in messages}
        renewing = asyncio.create_task(self._renew_lease(held))
        try:
            yield held
        finally:
            renewing.cancel()
            with suppress(Exception):  # then they are delivered again when the lease ends
                await self._set_lease(held, 0)

    async def _renew_lease(self, held: Mapping[str, object]) -> None:
        while True:
            await asyncio.sleep(self._lease_seconds / 3)
            with suppress(Exception):  # the next attempt may succeed
                await self._set_lease(held, self._lease_seconds)

    async def _set_lease(self, held: Mapping[str, object], seconds: int) -> None:
        if held:
            await self._sqs.change_message_visibility_batch(
                QueueUrl=self._url,
                Entries=[
                    {"Id": str(number), "ReceiptHandle": handle, "VisibilityTimeout": seconds}
                    for number, handle in enumerate(held)
                ],
            )

    def _delivery(self, message: "MessageTypeDef", held: dict[str, "MessageTypeDef"]) -> Delivery:
        attributes = message.get("MessageAttributes", {})
        headers = {name: attribute.get("StringValue", "") for name, attribute in attributes.items()}

        async def acknowledge() -> None:
            await self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            del held[message["ReceiptHandle"]]

        async def refuse() -> None:
            await self._sqs.send_message(
                QueueUrl=self._refused_url,
                MessageBody=message["Body"],
                MessageAttributes=attributes,
                MessageGroupId="refused",
                MessageDeduplicationId=message["MessageId"],
            )
            await acknowledge()

        return Delivery(
            id=headers.get("id", ""),
            body=message["Body"].encode(),
            headers={"owner": ""} | headers,
            is_repeated=int(message["Attributes"]["ApproximateReceiveCount"]) > 1,
            acknowledge=acknowledge,
            refuse=refuse,
        )


async def refusal(settings: Settings) -> str | None:
    """Why `QUEUE_URL` cannot be used. None if it can be used, or if SQS does not answer: it may answer later."""
    broker = Broker(settings)
    try:
        await broker.connect()
    except Exception as error:
        return _reason(error)
    finally:
        await broker.close()
    return None


def _reason(error: Exception) -> str | None:
    if isinstance(error, LookupError | NoCredentialsError):
        return str(error)
    if isinstance(error, ClientError):
        code, status = error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
        return str(error) if status < 500 and "Throttl" not in code else None
    return None


def client_options(url: str) -> dict[str, Any]:
    """The options of a client. On AWS, its usual settings give the endpoint and the credentials."""
    parts = urlsplit(url)
    if on_aws := _AWS_HOST.fullmatch(parts.hostname or ""):
        return {"region_name": on_aws[1], "config": _CONFIG}
    # A server for development wants a region and credentials, but checks none.
    return {
        "endpoint_url": f"{parts.scheme}://{parts.netloc}",
        "region_name": "us-east-1",
        "aws_access_key_id": "none",
        "aws_secret_access_key": "none",
        "config": _CONFIG,
    }


def _batches(wave: Sequence[Envelope]) -> Iterator[list[Envelope]]:
    """Split messages so that each part fits into one request. Retries are apart: they concern no other service."""
    batch: list[Envelope] = []
    size = 0
    for envelope in sorted(wave, key=_is_retry):
        is_full = len(batch) == BATCH_SIZE or size + _size(envelope) > MAX_BYTES
        if batch and (is_full or _is_retry(envelope) != _is_retry(batch[0])):
            yield batch
            batch, size = [], 0
        batch.append(envelope)
        size += _size(envelope)
    if batch:
        yield batch


def _is_retry(envelope: Envelope) -> bool:
    return envelope.handler is not None


def _message(envelope: Envelope) -> "SendMessageBatchRequestEntryTypeDef":
    return {
        "Id": envelope.id,
        "MessageBody": envelope.body.decode(),
        "MessageAttributes": _attributes(envelope),
        "MessageGroupId": _group(envelope.subject),
        "MessageDeduplicationId": _unique(),
    }


def _publication(envelope: Envelope) -> "PublishBatchRequestEntryTypeDef":
    return {
        "Id": envelope.id,
        "Message": envelope.body.decode(),
        "MessageAttributes": _attributes(envelope),
        "MessageGroupId": _group(envelope.subject),
        "MessageDeduplicationId": _unique(),
    }


def _attributes(envelope: Envelope) -> dict[str, "MessageAttributeValueTypeDef"]:
    values = {"id": envelope.id, "type": envelope.type, "content-type": CONTENT_TYPE, **envelope.headers}
    # SQS knows no empty attributes.
    return {name: {"DataType": "String", "StringValue": value} for name, value in values.items() if value}


def _group(subject: str) -> str:
    """The message group of a subject: the subject itself, if SQS allows its characters."""
    return subject if re.fullmatch(r"[!-~]{1,128}", subject) else hashlib.sha256(subject.encode()).hexdigest()


def _unique() -> str:
    """A new deduplication id for each message that is sent: it only stops a repetition of the same request.

    With the id of the message, SQS would swallow a dead letter that is redriven within five minutes.
    """
    return uuid4().hex


def _size(envelope: Envelope) -> int:
    attributes = _attributes(envelope).items()
    return len(envelope.body) + sum(len(f"{name}String{value['StringValue']}".encode()) for name, value in attributes)
