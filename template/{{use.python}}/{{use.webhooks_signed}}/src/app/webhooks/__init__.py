"""Webhooks: signed deliveries to the endpoints of users, and verified deliveries from other services.

Both follow the scheme of Standard Webhooks: https://www.standardwebhooks.com
"""

from app.webhooks.delivery import deliver
from app.webhooks.events import DeliveryGivenUp, WebhookReceived
from app.webhooks.handlers import log_received, notify_subscribers, repeat_delivery
from app.webhooks.inbound import RECEIVED
from app.webhooks.retention import jobs
from app.webhooks.service import DELIVERY, erase, export

__all__ = [
    "DELIVERY",
    "RECEIVED",
    "DeliveryGivenUp",
    "WebhookReceived",
    "deliver",
    "erase",
    "export",
    "jobs",
    "log_received",
    "notify_subscribers",
    "repeat_delivery",
]
