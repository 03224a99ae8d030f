"""Idempotency keys: a repeated create has one effect, and each repetition gets the first response.

The response is stored in the transaction of the effect, so a crash leaves both or neither.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from app import clock
from app.context import caller_of
from app.database import Session
from app.errors import DomainError
from app.idempotency import repository
from app.idempotency.models import StoredResponse
from app.jobs import Job

KEPT_FOR = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """A request that carries an idempotency key."""

    caller: str
    route: str
    key: str
    body: bytes

    @property
    def scope(self) -> str:
        """Keys are unique within a scope: different callers and routes may use the same key."""
        return f"{self.caller} {self.route}"

    @property
    def fingerprint(self) -> bytes:
        return hashlib.sha256(self.body).digest()


async def find_response(session: Session, request: IdempotentRequest) -> StoredResponse | None:
    """The response to the first request with this key; None if this is the first one.

    The key is locked until the transaction ends.

    Raises: idempotency_in_progress, idempotency_key_reused
    """
    if not await repository.try_lock(session, request.scope, request.key):
        raise DomainError("idempotency_in_progress", "The first request with this key is still running", retry_after=1)
    stored = await repository.find_valid(session, request.scope, request.key)
    if stored and stored.fingerprint != request.fingerprint:
        raise DomainError("idempotency_key_reused", "The key was used with another body")
    return stored


async def store_response(
    session: Session, request: IdempotentRequest, *, status: int, body: bytes, location: str | None, etag: str | None
) -> None:
    """Store the first response, in the transaction of its effect."""
    stored = StoredResponse(
        scope=request.scope,
        key=request.key,
        fingerprint=request.fingerprint,
        status=status,
        location=location,
        etag=etag,
        body=body,
        expires_at=clock.now() + KEPT_FOR,
    )
    await repository.add(session, stored)


async def erase(session: Session, subject: str) -> None:
    """Delete every stored response of a user."""
    await repository.delete_of_caller(session, caller_of(subject))


async def purge(session: Session) -> bool:
    """Delete some of the expired responses. True if there may be more."""
    return await repository.delete_expired(session)


jobs = (Job("purge_idempotency_keys", timedelta(hours=1), purge),)
