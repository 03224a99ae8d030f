"""The handlers of each event type, and what its data holds.

An event may have several handlers; each has its own retries.
"""

from app.messaging import DataModels, Handlers
from app.orders.events import OrderPlaced
from app.orders.handlers import confirm_orders

HANDLERS: Handlers = {"order.placed": (confirm_orders,)}
DATA: DataModels = {"order.placed": OrderPlaced}
