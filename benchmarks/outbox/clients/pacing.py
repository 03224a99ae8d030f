"""When the clients of the benchmark send their events."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator

BATCH = 10
"""The number of events that are sent together: in one transaction, or before one wait."""


async def batches() -> AsyncIterator[int]:
    """A number for each batch of the `COUNT` events, `RATE` events a second; 0 is without a pause.

    Both are the arguments of the program. It prints the time when the first batch is due.
    """
    count, rate = (int(word) for word in sys.argv[1:3])
    began = time.time()
    print(began, flush=True)
    for number in range(count // BATCH):
        if rate:
            await asyncio.sleep(max(0, began + number * BATCH / rate - time.time()))
        yield number


def note(path: str, sent: list[float]) -> None:
    """Append the seconds since each event was sent to a file."""
    now = time.time()
    with open(path, "a") as file:  # noqa: PTH123 - the fastest way
        file.write("".join(f"{now - at:.6f}\n" for at in sent))
