"""confluent-kafka without an outbox: `kafka.py COUNT RATE` sends, `kafka.py FILE` receives.

Like the service: an idempotent producer, confirmations, and a commit for each message.
"""

import asyncio
import json
import os
import sys
import time

from app.config.queue import client_settings
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks.outbox.clients.pacing import BATCH, batches, note

TOPIC, GROUP = "plain", "plain"
POLL_SECONDS = 0.25
SESSION_TIMEOUT_MS = 6000
"""As in the service: the group waits so long for the consumer of the round before, which died."""
CLIENT = {**client_settings(os.environ["QUEUE_URL"]), "log_level": 0}


def create_topic() -> None:
    admin = AdminClient(CLIENT)
    if TOPIC not in admin.list_topics(timeout=10).topics:
        for creation in admin.create_topics([NewTopic(TOPIC, 1)]).values():
            creation.result()


async def send() -> None:
    producer = Producer({**CLIENT, "enable.idempotence": True})
    async for _ in batches():
        for _ in range(BATCH):
            producer.produce(TOPIC, json.dumps({"at": time.time()}))
        producer.flush()


def receive(path: str) -> None:
    create_topic()
    consumer = Consumer(
        {
            **CLIENT,
            "group.id": GROUP,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "session.timeout.ms": SESSION_TIMEOUT_MS,
        }
    )
    consumer.subscribe([TOPIC])
    while True:
        message = consumer.poll(POLL_SECONDS)
        if message and (body := message.value()):
            note(path, [json.loads(body)["at"]])
            consumer.commit(message, asynchronous=False)


if sys.argv[2:]:
    asyncio.run(send())
else:
    receive(sys.argv[1])
