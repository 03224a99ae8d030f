"""The audit log over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from app.auth.audit import repository
from app.auth.audit.schemas import AuditPage
from app.auth.dependencies import ReadSession, require
from app.pagination import PageQuery
from app.permissions import Permission, Principal
from app.web.openapi import raises
from app.web.pagination import paginated

router = APIRouter(prefix="/api/v1", tags=["users"])

Auditor = Annotated[Principal, require(Permission.USERS_MANAGE)]


@router.get("/audit-log", operation_id="read_audit_log", openapi_extra=raises("invalid_cursor"))
async def read_audit_log(
    request: Request, response: Response, auditor: Auditor, query: Annotated[PageQuery, Query()], session: ReadSession
) -> AuditPage:
    """List changes, newest first."""
    return paginated(AuditPage, request, response, query, await repository.page(session, query))
