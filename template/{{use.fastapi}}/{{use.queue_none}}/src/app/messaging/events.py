"""Events, each one line of the log."""

from dataclasses import dataclass
from typing import Any

import structlog
from sqlalchemy.ext.asyncio import AsyncSession

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to `subject`."""

    type: str
    subject: str
    data: dict[str, Any]


async def publish(session: AsyncSession, event: Event) -> None:
    """Tells of an event. A change that is rolled back may have been told of: the log is no source of truth."""
    log.info("event", type=event.type, subject=event.subject, data=event.data)
