"""What the worker does for authentication."""

from datetime import timedelta

from app.auth import sessions
from app.jobs import Job

jobs = (Job("purge_sessions", timedelta(hours=1), sessions.purge),)
