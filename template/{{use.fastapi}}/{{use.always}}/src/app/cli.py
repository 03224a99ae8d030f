"""Commands for operators and developers: `python -m app.cli --help`."""

import asyncio
import code
import json
from typing import Any

import click
from alembic import command
from alembic.config import Config

from app import auth, dialect, messaging
from app.config import Settings, settings_or_exit
from app.database import Base, Database
from app.errors import Refusal
from app.main import create_app
from app.orders.seed import plant


class _Commands(click.Group):
    """Tells of a refusal, or of a database that is out of reach or empty, in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Refusal as error:
            raise click.ClickException(error.detail) from error
        except Exception as error:
            if dialect.lacks_table(error):
                raise click.ClickException("the database is not migrated: run the command `migrate` first") from error
            if not dialect.is_outage(error):
                raise
            raise click.ClickException(f"the database does not answer: {error}") from error


@click.group(cls=_Commands)
def main() -> None:
    """Commands for operators and developers."""


@main.command()
def migrate() -> None:
    """Bring the database to the newest version of the schema."""
    settings_or_exit()
    command.upgrade(Config("alembic.ini"), "head")


@main.command()
def seed() -> None:
    """Store some data to play with."""
    asyncio.run(_seed(_settings_for_play()))


@main.command()
def reset() -> None:
    """Empty the database, then migrate and seed it."""
    settings = _settings_for_play()
    command.downgrade(Config("alembic.ini"), "base")
    command.upgrade(Config("alembic.ini"), "head")
    asyncio.run(_seed(settings))


@main.command()
def shell() -> None:
    """Open a Python prompt with the database and the models at hand."""
    models = {mapper.class_.__name__: mapper.class_ for mapper in Base.registry.mappers}
    database = Database(settings_or_exit())
    with asyncio.Runner() as runner:
        banner = "Run coroutines with `run(…)`; `database` and the models are here."
        code.interact(banner, local={"run": runner.run, "database": database, **models})
        runner.run(database.close())


@main.command()
def openapi() -> None:
    """Print the OpenAPI document, one line a path, so that a change shows where it is."""
    document = create_app(settings_or_exit()).openapi()
    parts = [f"{json.dumps(name)}: {_by_line(part)}" for name, part in document.items()]
    click.echo("{\n" + ",\n".join(parts) + "\n}")


for extra in (*auth.commands, *messaging.commands):
    main.add_command(extra)


def _settings_for_play() -> Settings:
    settings = settings_or_exit()
    if settings.is_production:
        raise click.ClickException("this is not for production")
    return settings


async def _seed(settings: Settings) -> None:
    async with Database(settings) as database:
        for line in await plant(database):
            click.echo(line)


def _by_line(part: object) -> str:
    if not isinstance(part, dict):
        return json.dumps(part, ensure_ascii=False)
    lines = [f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in part.items()]
    return "{\n" + ",\n".join(lines) + "\n}"


if __name__ == "__main__":
    main()
