"""Webhooks: signed deliveries to the endpoints of users, and verified deliveries from other services.

Both follow the scheme of Standard Webhooks: https://www.standardwebhooks.com
"""

from app.messaging import Handlers
from app.personal_data import PersonalData
from app.webhooks.delivery import deliver
from app.webhooks.handlers import log_received, notify_subscribers, repeat_delivery
from app.webhooks.inbound import RECEIVED
from app.webhooks.retention import jobs
from app.webhooks.service import DELIVERY, erase, export

HANDLERS: Handlers = {RECEIVED: (log_received,), DELIVERY: (repeat_delivery,)}
for_subscribers = (notify_subscribers,)
"""The handlers of an event to which users may subscribe, besides its own handlers."""
personal_data = (PersonalData("webhook_endpoints", erase, export),)

__all__ = ["HANDLERS", "deliver", "for_subscribers", "jobs", "personal_data"]
