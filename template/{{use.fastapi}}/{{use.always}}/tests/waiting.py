"""Waiting for what another task or process does."""

import asyncio
from collections.abc import Awaitable, Callable


async def eventually(holds: Callable[[], Awaitable[bool]], *, seconds: float = 10) -> None:
    """Returns as soon as it holds; it is an error if it does not in time."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110  # nothing tells of it
            await asyncio.sleep(0.02)
