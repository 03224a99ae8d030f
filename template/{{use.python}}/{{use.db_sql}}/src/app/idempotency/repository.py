"""Reads and writes stored responses."""

import hashlib

from sqlalchemy import delete

from app import clock, dialect
from app.database import Session, delete_some
from app.idempotency.models import StoredResponse


async def try_lock(session: Session, scope: str, key: str) -> bool:
    """Lock a key until the transaction ends. False if another transaction holds it."""
    digest = hashlib.blake2b(f"{scope}\0{key}".encode(), digest_size=8).digest()
    return await dialect.try_lock(session, int.from_bytes(digest, signed=True))


async def find_valid(session: Session, scope: str, key: str) -> StoredResponse | None:
    """The stored response. If it has expired, delete it and return None."""
    stored = await session.get(StoredResponse, (scope, key))
    if stored and stored.expires_at <= clock.now():
        await session.delete(stored)
        await session.flush()
        return None
    return stored


async def add(session: Session, stored: StoredResponse) -> None:
    session.add(stored)


async def delete_of_caller(session: Session, caller: str) -> None:
    of_caller = StoredResponse.scope.startswith(f"{caller} ", autoescape=True)
    await session.execute(delete(StoredResponse).where(of_caller))


async def delete_expired(session: Session) -> bool:
    """Delete some of the expired responses. True if there may be more."""
    return await delete_some(session, StoredResponse, StoredResponse.expires_at <= clock.now())
