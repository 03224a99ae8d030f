"""aiobotocore without an outbox: `sqs.py COUNT RATE` sends, `sqs.py FILE` receives.

Like the service: a FIFO queue, a request for each ten messages, and a deletion each.
"""

import asyncio
import json
import os
import sys
import time
from typing import Any

from aiobotocore.session import get_session
from app.messaging.broker import client_options

from benchmarks.outbox.clients.pacing import BATCH, batches, note

QUEUE = "plain.fifo"
READ = 10
WAIT_SECONDS = 2


async def send(sqs: Any, url: str) -> None:
    async for number in batches():
        entries = [
            {
                "Id": str(place),
                "MessageBody": json.dumps({"at": time.time()}),
                "MessageGroupId": f"{number}-{place}",
                "MessageDeduplicationId": f"{time.time()}-{number}-{place}",
            }
            for place in range(BATCH)
        ]
        await sqs.send_message_batch(QueueUrl=url, Entries=entries)


async def receive(sqs: Any, url: str, path: str) -> None:
    while True:
        answer = await sqs.receive_message(
            QueueUrl=url, MaxNumberOfMessages=READ, WaitTimeSeconds=WAIT_SECONDS
        )
        for message in answer.get("Messages", ()):
            note(path, [json.loads(message["Body"])["at"]])
            await sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])


async def main() -> None:
    options = client_options(os.environ["QUEUE_URL"])
    async with get_session().create_client("sqs", **options) as sqs:
        queue = await sqs.create_queue(QueueName=QUEUE, Attributes={"FifoQueue": "true"})
        url = queue["QueueUrl"]
        await (send(sqs, url) if sys.argv[2:] else receive(sqs, url, sys.argv[1]))


asyncio.run(main())
