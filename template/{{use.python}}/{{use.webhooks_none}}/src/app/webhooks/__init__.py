"""Webhooks: none."""

import asyncio

from app.config import Settings
from app.database import Database
from app.jobs import Job
from app.messaging import Handlers
from app.personal_data import PersonalData

HANDLERS: Handlers = {}
for_subscribers: tuple[()] = ()
jobs: tuple[Job, ...] = ()
personal_data: tuple[PersonalData, ...] = ()


async def deliver(settings: Settings, database: Database, stop: asyncio.Event) -> None:
    """Do nothing, because there are no subscribers."""
