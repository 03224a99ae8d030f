"""Events, and how they are published: each one is logged after the commit."""

from dataclasses import dataclass
from typing import Any

import structlog

from app.database import Session, after_commit

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to `subject`."""

    type: str
    subject: str
    data: dict[str, Any]


async def publish(session: Session, event: Event, *, owner: str) -> None:
    """Log an event after its transaction has been committed. A rollback drops it."""
    after_commit(session, lambda: log.info("event", type=event.type, subject=event.subject, data=event.data))
