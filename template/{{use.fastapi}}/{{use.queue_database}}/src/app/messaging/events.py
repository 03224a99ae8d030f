"""Events (CloudEvents 1.0), and how they leave: as rows in the transaction of the change they tell of."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from app import NAME, clock
from app.ids import new_id
from app.messaging.models import Message


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to `subject`."""

    type: str
    subject: str
    data: dict[str, Any]
    id: UUID = field(default_factory=new_id)
    time: datetime = field(default_factory=clock.now)

    def envelope(self) -> dict[str, Any]:
        """The CloudEvents JSON object."""
        return {
            "specversion": "1.0",
            "id": str(self.id),
            "source": NAME,
            "type": self.type,
            "subject": self.subject,
            "time": clock.rfc3339(self.time),
            "datacontenttype": "application/json",
            "data": self.data,
        }

    @classmethod
    def from_envelope(cls, envelope: dict[str, Any]) -> "Event":
        return cls(
            type=envelope["type"],
            subject=envelope["subject"],
            data=envelope["data"],
            id=UUID(envelope["id"]),
            time=datetime.fromisoformat(envelope["time"]),
        )


async def publish(session: AsyncSession, event: Event) -> None:
    """Stores an event for the worker. It leaves when the transaction commits, or never."""
    connection = await session.connection()
    # Past the session, which has nothing to remember of a row that only the worker reads.
    await connection.execute(
        _INSERT,
        {
            "id": event.id,
            "type": event.type,
            "envelope": event.envelope(),
            "request_id": structlog.contextvars.get_contextvars().get("request_id"),
            "run_at": event.time,
        },
    )
    session.info["published"] = True


_INSERT = insert(Message)
