"""The routes of authentication."""

from app.auth.audit import router as audit
from app.auth.sessions import router as sessions
from app.auth.users import router as users

routers = (sessions.router, sessions.keys_router, users.router, audit.router)
