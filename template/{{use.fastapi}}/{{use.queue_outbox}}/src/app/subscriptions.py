"""Which handlers take which events. Several handlers may take one event; each has its own retries."""

from app.messaging import Handlers
from app.orders.handlers import confirm_order

HANDLERS: Handlers = {"order.placed": (confirm_order,)}
