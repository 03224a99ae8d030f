"""Passwords, hashed with argon2id away from the event loop."""

import asyncio
import os
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

# OWASP's second recommendation: 19 MiB, two passes.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

_AT_ONCE = max(1, (os.cpu_count() or 1) - 1)
"""Hashing takes a core for its time: some must be left for requests."""
_turn = asyncio.Semaphore(_AT_ONCE)


async def hash_password(password: str) -> str:
    async with _turn:
        return await asyncio.to_thread(_hasher.hash, password)


async def verify_password(password: str, hashed: str | None) -> bool:
    """Whether the password is right. Without a hash it is not, which takes as long to find out."""
    async with _turn:
        matches = await asyncio.to_thread(_verify, password, hashed or _decoy())
    return matches and hashed is not None


def _verify(password: str, hashed: str) -> bool:
    try:
        return _hasher.verify(hashed, password)
    except VerifyMismatchError:
        return False


@cache
def _decoy() -> str:
    return _hasher.hash("nobody's password")
