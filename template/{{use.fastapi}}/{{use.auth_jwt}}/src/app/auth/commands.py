"""Commands for identity."""

import asyncio

import click
from pydantic import ValidationError

from app.auth.keys import generate_pem
from app.auth.permissions import Role
from app.auth.schemas import Registration
from app.auth.sessions import create_user
from app.config import settings_or_exit
from app.database import Database


@click.command()
@click.option("--email", required=True)
@click.password_option(envvar="ADMIN_PASSWORD")
def create_admin(email: str, password: str) -> None:
    """Make an admin, who can give other users their roles."""
    try:
        admin = Registration(email=email, password=password)
    except ValidationError as error:
        faults = (f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
        raise click.ClickException("; ".join(faults)) from error
    asyncio.run(_create_admin(admin))
    click.echo(f"{admin.email} is an admin")


@click.command()
def generate_key() -> None:
    """Print a new private key for AUTH_PRIVATE_KEY."""
    click.echo(generate_pem(), nl=False)


async def _create_admin(admin: Registration) -> None:
    async with Database(settings_or_exit()) as database:
        await create_user(database, admin.email, admin.password, Role.ADMIN)


commands = (create_admin, generate_key)
