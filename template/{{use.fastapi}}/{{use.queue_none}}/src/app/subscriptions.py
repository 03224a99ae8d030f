"""Which handlers take which events: none, because there is no queue."""

from app.messaging import Handlers

HANDLERS: Handlers = {}
