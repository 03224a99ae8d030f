"""The handlers of each event type: none, because there is no queue."""

from app.messaging import Handlers

HANDLERS: Handlers = {}
