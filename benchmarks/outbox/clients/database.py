"""A queue in PostgreSQL with nothing but the driver: `database.py COUNT RATE`, `database.py FILE`.

The receiver deletes a batch of rows and handles it in one transaction.
"""

import asyncio
import json
import os
import sys
import time

import asyncpg

from benchmarks.outbox.clients.pacing import BATCH, batches, note

TABLE = """
CREATE TABLE IF NOT EXISTS plain_queue
    (id bigserial PRIMARY KEY, subject text NOT NULL, event jsonb NOT NULL)
"""
TAKE = """
DELETE FROM plain_queue WHERE id IN
    (SELECT id FROM plain_queue ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED)
RETURNING event
"""
POLL_SECONDS = 0.02


async def send(connection: asyncpg.Connection) -> None:
    async for number in batches():
        async with connection.transaction():
            for place in range(BATCH):
                event = json.dumps({"at": time.time()})
                await connection.execute(
                    "INSERT INTO plain_queue (subject, event) VALUES ($1, $2)",
                    f"{number}-{place}",
                    event,
                )


async def receive(connection: asyncpg.Connection, path: str) -> None:
    while True:
        async with connection.transaction():
            rows = await connection.fetch(TAKE)
            note(path, [json.loads(row["event"])["at"] for row in rows])
        if not rows:
            await asyncio.sleep(POLL_SECONDS)


async def main() -> None:
    connection = await asyncpg.connect(os.environ["DATABASE_URL"].replace("+asyncpg", ""))
    await connection.execute(TABLE)
    await (send(connection) if sys.argv[2:] else receive(connection, sys.argv[1]))


asyncio.run(main())
