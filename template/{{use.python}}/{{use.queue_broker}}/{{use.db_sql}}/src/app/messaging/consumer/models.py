"""The table of handled messages."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app import clock
from app.database import Base


class HandledMessage(Base):
    """A handler and an event. The row is written in the transaction of the handler, so each takes effect once."""

    __tablename__ = "handled_messages"

    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    handler: Mapped[str] = mapped_column(String(100), primary_key=True)
    is_handled: Mapped[bool]
    """False while the row only counts starts."""
    starts: Mapped[int] = mapped_column(default=0)
    """How often the handler has started on a message that was delivered before."""
    seen_at: Mapped[datetime] = mapped_column(default=clock.now, index=True)
