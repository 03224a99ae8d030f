"""Passwords, hashed with argon2id in a thread, so that the event loop is not blocked."""

import asyncio
import os
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

# Parameters that OWASP recommends for argon2id: 19 MiB of memory, two iterations.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

# Each hash occupies a core. The limit leaves one core for other requests.
_slots = asyncio.Semaphore(max(1, (os.cpu_count() or 1) - 1))


async def hash_password(password: str) -> str:
    async with _slots:
        return await asyncio.to_thread(_hasher.hash, password)


async def verify_password(password: str, hashed: str | None) -> bool:
    """Verify a password. Without a hash (unknown user), verify a dummy hash, so that both cases take the same time."""
    async with _slots:
        matches = await asyncio.to_thread(_verify, password, hashed)
    return matches and hashed is not None


def _verify(password: str, hashed: str | None) -> bool:
    try:
        return _hasher.verify(hashed or _dummy_hash(), password)
    except VerifyMismatchError:
        return False


@cache
def _dummy_hash() -> str:
    return _hasher.hash("the password of no user")
