"""Authentication: accounts, and access tokens (JWT) that this service signs."""

from app.auth.keys import commands as key_commands
from app.auth.provider import Authenticator, budgets
from app.auth.seed import seed
from app.auth.sessions import jobs
from app.auth.users.commands import commands as user_commands

commands = (*user_commands, *key_commands)

__all__ = ["Authenticator", "budgets", "commands", "jobs", "seed"]
