"""Events: stored with the change that they report, and handled by the worker."""

from collections.abc import Mapping
from typing import Any

from app.config import Settings
from app.jobs import Job
from app.messaging import dead_letters
from app.messaging.consumer import Queue
from app.messaging.handlers import DataModels, Handlers
from app.messaging.repository import delete_of_owner as erase

commands = (dead_letters.command,)
jobs: tuple[Job, ...] = ()

CHANNELS: Mapping[str, Mapping[str, Any]] = {
    "events": {"address": "messages", "description": "The outbox of this service, to which it adds events."},
    "queue": {"address": "messages", "description": "The outbox of this service, from which its workers claim events."},
}
"""How docs/asyncapi.json describes where events are sent, and where workers receive them."""
HEADERS = {
    "request_id": "The id of the request that caused the event, if there was one.",
    "traceparent": "The W3C trace context of this request, if it had one.",
}

__all__ = ["CHANNELS", "HEADERS", "DataModels", "Handlers", "Queue", "commands", "erase", "jobs", "refusal"]


async def refusal(settings: Settings) -> str | None:
    """Always None, because there is no other server than that of the database."""
    return None
