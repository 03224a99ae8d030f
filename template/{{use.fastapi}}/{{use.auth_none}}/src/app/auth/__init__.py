"""Who is calling: nobody in particular.

Callers prove nothing and may do everything, so this service belongs on a private network or behind a gateway
that decides. What is known of a caller is its address; it is what rate limits and idempotency keys go by.
"""

import click
from fastapi import APIRouter
from starlette.types import Scope

from app.config import Settings
from app.database import Database
from app.jobs import Job

routers: tuple[APIRouter, ...] = ()
jobs: tuple[Job, ...] = ()
commands: tuple[click.Command, ...] = ()


def budgets(settings: Settings) -> dict[str, str]:
    """Rate limits of single routes, by path."""
    return {}


class Authenticator:
    """Names the caller of a request."""

    def __init__(self, settings: Settings, database: Database) -> None:
        pass

    async def __call__(self, scope: Scope) -> str:
        return f"address {scope['client'][0] if scope['client'] else ''}"
