"""Events: stored with the change that they report, and handled by the worker."""

from app.messaging import dead_letters
from app.messaging.consumer import Handlers, Queue
from app.messaging.repository import delete_of_owner as erase

commands = (dead_letters.command,)

__all__ = ["Handlers", "Queue", "commands", "erase"]
