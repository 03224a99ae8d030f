"""The handlers of each event type, and what its data holds.

An event may have several handlers; each has its own retries. Users may subscribe their endpoints to the events that
have `webhooks.notify_subscribers`.
"""

from app import webhooks
from app.messaging import DataModels, Handlers
from app.orders.events import OrderPlaced
from app.orders.handlers import confirm_orders

HANDLERS: Handlers = {
    "order.placed": (confirm_orders, webhooks.notify_subscribers),
    webhooks.RECEIVED: (webhooks.log_received,),
    webhooks.DELIVERY: (webhooks.repeat_delivery,),
}
DATA: DataModels = {
    "order.placed": OrderPlaced,
    webhooks.RECEIVED: webhooks.WebhookReceived,
    webhooks.DELIVERY: webhooks.DeliveryGivenUp,
}
