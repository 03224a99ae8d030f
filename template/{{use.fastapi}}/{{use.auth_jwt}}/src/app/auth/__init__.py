"""Who is calling, and what they may do. Callers prove themselves with JWTs that this service signs."""

from app.auth import audit, router, users
from app.auth.jobs import jobs
from app.auth.provider import Authenticator, budgets

routers = (router.router, users.router, audit.router)
public_routers = (router.keys_router,)

__all__ = ["Authenticator", "budgets", "jobs", "public_routers", "routers"]
