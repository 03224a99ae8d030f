"""The collection of scheduled jobs."""

from app.database import Document
from app.dialect import Timestamp


class ScheduledJob(Document):
    """When a job is due next."""

    collection = "scheduled_jobs"
    id_fields = ("name",)

    name: str
    due_at: Timestamp
