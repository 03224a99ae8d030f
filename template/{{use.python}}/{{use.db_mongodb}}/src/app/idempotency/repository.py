"""Reads and writes stored responses."""

import re

from app import clock
from app.database import Session, delete_some
from app.idempotency.models import StoredResponse

_RUNNING = 0


async def try_lock(session: Session, scope: str, key: str) -> bool:
    """Lock a key until the transaction ends. False if another transaction holds it."""
    running = StoredResponse(
        scope=scope,
        key=key,
        fingerprint=bytes(32),
        status=_RUNNING,
        location=None,
        etag=None,
        body=b"",
        expires_at=clock.now(),
    ).dump()
    return await session.try_lock(StoredResponse, {"_id": running.pop("_id")}, running)


async def find_valid(session: Session, scope: str, key: str) -> StoredResponse | None:
    """The stored response. None if there is none, or if it has expired."""
    stored = await session.get(StoredResponse, scope, key)
    return stored if stored and stored.status != _RUNNING and stored.expires_at > clock.now() else None


async def add(session: Session, stored: StoredResponse) -> None:
    fields = stored.dump()
    await session.upsert(StoredResponse, {"_id": fields.pop("_id")}, {"$set": fields})


async def delete_of_caller(session: Session, caller: str) -> None:
    await session.delete(StoredResponse, {"_id.scope": {"$regex": f"^{re.escape(caller)} "}})


async def delete_expired(session: Session) -> bool:
    """Delete some of the expired responses. True if there may be more."""
    return await delete_some(session, StoredResponse, {"expires_at": {"$lte": clock.now()}})
