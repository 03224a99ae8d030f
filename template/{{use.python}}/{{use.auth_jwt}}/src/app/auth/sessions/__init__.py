"""Login sessions: registration, login, refresh and logout."""

from datetime import timedelta

from app.auth.sessions.repository import delete_expired
from app.jobs import Job

jobs = (Job("purge_sessions", timedelta(hours=1), delete_expired),)
