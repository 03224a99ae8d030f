"""`Idempotency-Key`: a create that is repeated has one effect, and every repetition gets the first answer.

The answer is stored in the transaction of the effect itself, so a crash leaves both or neither.
"""

import hashlib
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import Header, Request, Response
from sqlalchemy import String, delete
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from app import clock, dialect
from app.database import Base
from app.errors import Refusal

KEPT_FOR = timedelta(hours=24)

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern="^[!-~]([ -~]*[!-~])?$",
        description="Any text that names this create. Repeating it repeats the first answer for 24 hours.",
    ),
]


class StoredAnswer(Base):
    """The answer to the first request with a key."""

    __tablename__ = "idempotency_keys"

    scope: Mapped[str] = mapped_column(String(300), primary_key=True)
    """Who called which route."""
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[bytes]
    """SHA-256 of the request body."""
    status: Mapped[int]
    location: Mapped[str | None]
    etag: Mapped[str | None]
    body: Mapped[bytes]
    expires_at: Mapped[datetime] = mapped_column(index=True)


async def once(
    session: AsyncSession, request: Request, key: str | None, create: Callable[[], Awaitable[Response]]
) -> Response:
    """The answer of `create`, which runs only if this key is new to this caller and route.

    Raises: idempotency_in_progress, idempotency_key_reused
    """
    if key is None:
        return await create()
    scope = f"{request.scope['caller']} {request.method} {request.url.path}"
    fingerprint = hashlib.sha256(await request.body()).digest()
    if not await dialect.try_lock(session, _lock_key(scope, key)):
        raise Refusal("idempotency_in_progress", "The first request with this key is still running", retry_after=1)
    stored = await session.get(StoredAnswer, (scope, key))
    if stored and stored.expires_at > clock.now():
        return _replay(stored, fingerprint)
    response = await create()
    stored = stored or StoredAnswer(scope=scope, key=key)
    stored.fingerprint, stored.expires_at = fingerprint, clock.now() + KEPT_FOR
    stored.status, stored.body = response.status_code, bytes(response.body)
    stored.location, stored.etag = response.headers.get("Location"), response.headers.get("ETag")
    session.add(stored)
    return response


async def forget(session: AsyncSession, caller: str) -> None:
    """Forgets every answer that a caller got."""
    await session.execute(delete(StoredAnswer).where(StoredAnswer.scope.startswith(f"{caller} ", autoescape=True)))


async def purge(session: AsyncSession) -> None:
    """Forgets the answers that have expired."""
    await session.execute(delete(StoredAnswer).where(StoredAnswer.expires_at <= clock.now()))


def _replay(stored: StoredAnswer, fingerprint: bytes) -> Response:
    if stored.fingerprint != fingerprint:
        raise Refusal("idempotency_key_reused", "The key was used with another body")
    headers = {"Idempotent-Replayed": "true", "Location": stored.location, "ETag": stored.etag}
    kept = {name: value for name, value in headers.items() if value}
    return Response(stored.body, stored.status, kept, media_type="application/json")


def _lock_key(scope: str, key: str) -> int:
    digest = hashlib.blake2b(f"{scope}\0{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
