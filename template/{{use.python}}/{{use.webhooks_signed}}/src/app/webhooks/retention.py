"""The jobs that delete old deliveries, and the ids of old webhooks."""

from datetime import timedelta

from app.database import Session
from app.jobs import Job
from app.webhooks import repository

DELIVERIES_KEPT_FOR = timedelta(days=30)
IDS_KEPT_FOR = timedelta(days=7)
"""A service that sends webhooks repeats one for some days."""


async def _purge_deliveries(session: Session) -> bool:
    return await repository.delete_finished(session, DELIVERIES_KEPT_FOR)


async def _purge_received(session: Session) -> bool:
    return await repository.forget_received(session, IDS_KEPT_FOR)


jobs = (
    Job("purge_webhook_deliveries", timedelta(hours=1), _purge_deliveries),
    Job("purge_received_webhooks", timedelta(hours=1), _purge_received),
)
