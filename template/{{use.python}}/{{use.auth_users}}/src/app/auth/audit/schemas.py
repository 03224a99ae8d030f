"""Response bodies of the audit log."""

from datetime import datetime
from typing import Any
from uuid import UUID

from app.pagination import Page
from app.schemas import ResponseBody


class AuditEntryRead(ResponseBody):
    id: UUID
    created_at: datetime
    actor_id: UUID | None
    action: str
    subject: str
    address: str
    request_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


AuditPage = Page[AuditEntryRead]
