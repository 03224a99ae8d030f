"""Reads and writes the audit log."""

from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from app import context
from app.auth.audit.models import AuditEntry
from app.database import Session
from app.keyset import newest_first
from app.pagination import PageQuery, Slice


async def record(
    session: Session,
    action: str,
    subject: str,
    *,
    actor: str | None = None,
    owner: str | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Add an entry to the transaction of the change. `actor` defaults to the principal of the request.

    `owner` is the user whose data `before` and `after` contain.
    """
    request = context.current()
    actor = actor or (request.principal.subject if request.principal else None)
    session.add(
        AuditEntry(
            actor_id=UUID(actor) if actor else None,
            owner_id=UUID(owner) if owner else None,
            action=action,
            subject=subject,
            address=request.address,
            request_id=request.request_id,
            before=before,
            after=after,
        )
    )


async def erase(session: Session, user_id: UUID) -> None:
    """Remove the addresses and the data of a user. The entries themselves remain."""
    await session.execute(update(AuditEntry).where(AuditEntry.actor_id == user_id).values(address=""))
    await session.execute(update(AuditEntry).where(AuditEntry.owner_id == user_id).values(before=None, after=None))


async def page(session: Session, query: PageQuery) -> Slice[AuditEntry]:
    """Newest first.

    Raises: invalid_cursor
    """
    return await newest_first(session, select(AuditEntry), query, AuditEntry.created_at, AuditEntry.id)
