"""Reads and writes the schedule."""

from datetime import datetime

from app.database import Session
from app.jobs.models import ScheduledJob


async def claim_due(session: Session, name: str, now: datetime, *, next_due_at: datetime) -> bool:
    """If a job is due and no other worker runs it, move it to its next tick and return True. A new job is due at once.

    Other workers do not wait for the job: it may take longer than their operations may wait.
    """
    job = await session.get(ScheduledJob, name)
    if job and job.due_at > now:
        return False
    if not await session.try_lock(ScheduledJob, {"_id": name}, {"due_at": now}):
        return False
    return await session.update(ScheduledJob, {"_id": name, "due_at": {"$lte": now}}, {"due_at": next_due_at}) > 0


async def set_due(session: Session, name: str, due_at: datetime) -> None:
    await session.update(ScheduledJob, {"_id": name}, {"due_at": due_at})
