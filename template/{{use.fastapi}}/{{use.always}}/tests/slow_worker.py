"""`python -m tests.slow_worker` is the worker with one job, which takes a while."""

import asyncio
from datetime import timedelta

import structlog

from app import worker
from app.database import Session
from app.jobs import Job


async def _be_slow(session: Session) -> None:
    structlog.get_logger().info("job begun")
    await asyncio.sleep(1)


SLOW_JOB = Job("slow", timedelta(hours=1), _be_slow)

if __name__ == "__main__":
    worker.JOBS = (SLOW_JOB,)
    worker.main()
