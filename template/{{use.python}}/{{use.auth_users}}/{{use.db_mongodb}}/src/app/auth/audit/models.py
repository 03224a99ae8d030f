"""The collection of the audit log."""

from typing import Any
from uuid import UUID

from app.database import Entity


class AuditEntry(Entity):
    """A change or a login. Entries never change, except that erasing a user removes the user's data from them."""

    collection = "audit_log"

    actor_id: UUID | None
    """The user who acted; None for a command. Entries remain after the user is erased."""
    owner_id: UUID | None
    """The user whose data `before` and `after` contain, if any."""
    action: str
    subject: str
    address: str
    request_id: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None
