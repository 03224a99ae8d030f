"""redis-py without an outbox: `redis.py COUNT RATE` sends, `redis.py FILE` receives.

Like the service: a stream, one transaction for each batch, and an acknowledgement each.
"""

import asyncio
import json
import os
import sys
import time
from contextlib import suppress

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from benchmarks.outbox.clients.pacing import BATCH, batches, note

STREAM, GROUP = "plain", "plain"
BLOCK_MS = 1000
READ = 20


async def send(redis: Redis) -> None:
    async for _ in batches():
        async with redis.pipeline() as transaction:
            for _ in range(BATCH):
                transaction.xadd(STREAM, {"event": json.dumps({"at": time.time()})})
            await transaction.execute()


async def receive(redis: Redis, path: str) -> None:
    with suppress(ResponseError):  # the group exists
        await redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    while True:
        found = await redis.xreadgroup(GROUP, "one", {STREAM: ">"}, count=READ, block=BLOCK_MS)
        for id_, fields in found[0][1] if found else ():
            note(path, [json.loads(fields[b"event"])["at"]])
            async with redis.pipeline(transaction=False) as commands:
                commands.xdel(STREAM, id_)
                commands.xack(STREAM, GROUP, id_)
                await commands.execute()


async def main() -> None:
    async with Redis.from_url(os.environ["QUEUE_URL"]) as redis:
        await (send(redis) if sys.argv[2:] else receive(redis, sys.argv[1]))


asyncio.run(main())
