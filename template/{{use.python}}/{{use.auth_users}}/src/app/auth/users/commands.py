"""Commands for users."""

import asyncio

import click
from pydantic import ValidationError

from app.auth.users import service
from app.auth.users.schemas import Registration
from app.config import settings_or_exit
from app.database import Database
from app.permissions import Role


@click.command()
@click.option("--email", required=True)
@click.password_option(envvar="ADMIN_PASSWORD")
def create_admin(email: str, password: str) -> None:
    """Create an admin, who can assign roles to other users."""
    try:
        admin = Registration(email=email, password=password)
    except ValidationError as error:
        reasons = (f"{each['loc'][0]}: {each['msg']}" for each in error.errors())
        raise click.ClickException("; ".join(reasons)) from error
    asyncio.run(_create_admin(admin))
    click.echo(f"{admin.email} is an admin")


async def _create_admin(admin: Registration) -> None:
    async with Database(settings_or_exit()) as database:
        await service.create(database, admin, Role.ADMIN)


commands = (create_admin,)
