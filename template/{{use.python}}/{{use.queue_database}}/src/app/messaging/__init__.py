"""Events: stored with the change that they report, and handled by the worker."""

from app.config import Settings
from app.jobs import Job
from app.messaging import dead_letters
from app.messaging.consumer import Queue
from app.messaging.handlers import Handlers
from app.messaging.repository import delete_of_owner as erase

commands = (dead_letters.command,)
jobs: tuple[Job, ...] = ()

__all__ = ["Handlers", "Queue", "commands", "erase", "jobs", "refusal"]


async def refusal(settings: Settings) -> str | None:
    """Always None, because there is no other server than that of the database."""
    return None
