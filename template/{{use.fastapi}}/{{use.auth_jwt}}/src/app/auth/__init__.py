"""Who is calling, and what they may do. Callers prove themselves with JWTs that this service signs."""

from app.auth import audit, router, users
from app.auth.commands import commands
from app.auth.provider import Authenticator, budgets
from app.auth.sessions import jobs

routers = (router.router, router.keys_router, users.router, audit.router)

__all__ = ["Authenticator", "budgets", "commands", "jobs", "routers"]
