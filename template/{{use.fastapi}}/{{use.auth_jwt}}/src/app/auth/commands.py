"""Commands for identity."""

import asyncio

import click

from app.auth.keys import generate_pem
from app.auth.permissions import Role
from app.auth.sessions import create_user
from app.config import settings_or_exit
from app.database import Database


@click.command()
@click.option("--email", required=True)
@click.password_option(envvar="ADMIN_PASSWORD")
def create_admin(email: str, password: str) -> None:
    """Make an admin, who can give other users their roles."""
    asyncio.run(_create_admin(email.lower(), password))
    click.echo(f"{email} is an admin")


@click.command()
def generate_key() -> None:
    """Print a new private key for AUTH_PRIVATE_KEY."""
    click.echo(generate_pem(), nl=False)


async def _create_admin(email: str, password: str) -> None:
    database = Database(settings_or_exit())
    await create_user(database, email, password, Role.ADMIN)
    await database.close()


commands = (create_admin, generate_key)
