"""The collection of handled messages."""

from uuid import UUID

from pydantic import Field

from app import clock
from app.database import Document
from app.dialect import Timestamp


class HandledMessage(Document):
    """A handler and an event. It is stored in the transaction of the handler, so each takes effect once."""

    collection = "handled_messages"
    id_fields = ("event_id", "handler")

    event_id: UUID
    handler: str
    is_handled: bool
    """False while the document only counts starts."""
    starts: int = 0
    """How often the handler has started on a message that was delivered before."""
    seen_at: Timestamp = Field(default_factory=lambda: clock.now())
