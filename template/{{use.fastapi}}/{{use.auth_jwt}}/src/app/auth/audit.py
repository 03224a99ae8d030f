"""The audit log: who did what to whom, when and from where."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from app.auth.dependencies import ReadSession, require
from app.auth.models import AuditEntry
from app.auth.permissions import Permission, Principal
from app.auth.schemas import AuditPage
from app.keyset import newest_first
from app.web.openapi import raises
from app.web.pagination import PageQuery, page_response

router = APIRouter(prefix="/api/v1", tags=["users"])

Auditor = Annotated[Principal, require(Permission.USERS_MANAGE)]


@router.get(
    "/audit-log", operation_id="read_audit_log", response_model=AuditPage, openapi_extra=raises("invalid_cursor")
)
async def read_audit_log(
    request: Request, query: Annotated[PageQuery, Query()], session: ReadSession, auditor: Auditor
) -> Response:
    """List changes, newest first."""
    found = await newest_first(session, select(AuditEntry), query, AuditEntry.created_at, AuditEntry.id)
    return page_response(request, AuditPage, query, found)


def record(
    session: AsyncSession,
    request: Request,
    actor: Principal,
    action: str,
    subject: str,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Adds an entry to the transaction of the change."""
    session.add(
        AuditEntry(
            actor_id=actor.id,
            action=action,
            subject=subject,
            address=request.client.host if request.client else "",
            request_id=request.scope["request_id"],
            before=before,
            after=after,
        )
    )
