"""The handlers of each event type. An event may have several handlers; each has its own retries."""

from app.messaging import Handlers
from app.orders.handlers import confirm_orders

HANDLERS: Handlers = {"order.placed": (confirm_orders,)}
