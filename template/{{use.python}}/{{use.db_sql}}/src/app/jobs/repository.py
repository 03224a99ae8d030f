"""Reads and writes the schedule."""

import hashlib
from datetime import datetime

from sqlalchemy import update

from app import dialect
from app.database import Session, execute_change
from app.jobs.models import ScheduledJob


async def claim_due(session: Session, name: str, now: datetime, *, next_due_at: datetime) -> bool:
    """If a job is due and no other worker runs it, move it to its next tick and return True. A new job is due at once.

    Other workers do not wait for the job: on PostgreSQL, a job that takes long would exceed their statement timeout.
    """
    digest = hashlib.blake2b(f"job\0{name}".encode(), digest_size=8).digest()
    if not await dialect.try_lock(session, int.from_bytes(digest, signed=True)):
        return False
    await dialect.insert_if_absent(session, ScheduledJob, {"name": name, "due_at": now})
    due = update(ScheduledJob).where(ScheduledJob.name == name, ScheduledJob.due_at <= now)
    return await execute_change(session, due.values(due_at=next_due_at)) > 0


async def set_due(session: Session, name: str, due_at: datetime) -> None:
    await session.execute(update(ScheduledJob).where(ScheduledJob.name == name).values(due_at=due_at))
