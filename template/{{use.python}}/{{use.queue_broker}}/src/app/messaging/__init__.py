"""Events: stored with the change that they report, sent to the broker by the relay, and handled by the consumers."""

from app.messaging import consumer, dead_letters
from app.messaging.broker import CHANNELS, refusal
from app.messaging.envelope import HEADERS
from app.messaging.handlers import DataModels, Handlers
from app.messaging.queue import Queue
from app.messaging.repository import delete_of_owner as erase

commands = (dead_letters.command,)
jobs = consumer.jobs

__all__ = ["CHANNELS", "HEADERS", "DataModels", "Handlers", "Queue", "commands", "erase", "jobs", "refusal"]
