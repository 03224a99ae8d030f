"""Reads and writes the audit log."""

from typing import Any
from uuid import UUID

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
    entry = AuditEntry(
        actor_id=UUID(actor) if actor else None,
        owner_id=UUID(owner) if owner else None,
        action=action,
        subject=subject,
        address=request.address,
        request_id=request.request_id,
        before=before,
        after=after,
    )
    await session.insert(entry)


async def erase(session: Session, user_id: UUID) -> None:
    """Remove the addresses and the data of a user. The entries themselves remain."""
    await session.update(AuditEntry, {"actor_id": user_id}, {"address": ""})
    await session.update(AuditEntry, {"owner_id": user_id}, {"before": None, "after": None})


async def page(session: Session, query: PageQuery) -> Slice[AuditEntry]:
    """Newest first.

    Raises: invalid_cursor
    """
    return await newest_first(session, AuditEntry, {}, query)
