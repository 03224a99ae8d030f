"""Authentication: none.

Every request acts for the anonymous principal, which has every permission. Run this service on a private network or
behind a gateway that authenticates. Rate limits and idempotency keys are per client address.
"""

import click

from app.auth.provider import Authenticator, budgets
from app.auth.seed import seed
from app.jobs import Job

jobs: tuple[Job, ...] = ()
commands: tuple[click.Command, ...] = ()

__all__ = ["Authenticator", "budgets", "commands", "jobs", "seed"]
