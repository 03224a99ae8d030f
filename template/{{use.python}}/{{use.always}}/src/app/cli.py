"""Commands for operators and developers: `python -m app.cli --help`."""

import asyncio
import code
import json
from pathlib import Path
from typing import Any

import click

from app import auth, backups, dialect, messaging, migrations
from app.config import Settings, settings_or_exit
from app.database import Database, models
from app.errors import BackupError, DomainError
from app.main import create_app
from app.orders.seed import seed as seed_orders


class _Commands(click.Group):
    """Reports expected errors in one line: domain errors, and a database that does not answer or is not migrated."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except DomainError as error:
            raise click.ClickException(error.detail) from error
        except BackupError as error:
            raise click.ClickException(str(error)) from error
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
    """Migrate the database to the newest version of the schema."""
    settings_or_exit()
    migrations.upgrade()


@main.command()
def seed() -> None:
    """Store example data."""
    asyncio.run(_seed(_development_settings()))


@main.command()
@click.confirmation_option(prompt="This deletes all rows of the database. Continue?")
def reset() -> None:
    """Empty the database, then migrate and seed it."""
    settings = _development_settings()
    migrations.downgrade()
    migrations.upgrade()
    asyncio.run(_seed(settings))


@main.command()
@click.argument("file", type=click.Path(path_type=Path, resolve_path=True))
def backup(file: Path) -> None:
    """Save the database in a new file, while the service runs."""
    if file.exists():
        raise click.ClickException(f"{file} exists")
    unfinished = file.with_name(f"{file.name}.unfinished")
    try:
        backups.save(settings_or_exit(), unfinished)
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)


@main.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False, resolve_path=True))
@click.confirmation_option(prompt="This replaces all rows of the database by those of the backup. Continue?")
def restore(file: Path) -> None:
    """Replace the database by a backup. Stop the service first, and run `migrate` afterwards."""
    backups.restore(settings_or_exit(), file)


@main.command()
def shell() -> None:
    """Open a Python prompt with the database and the models."""
    database = Database(settings_or_exit())
    with asyncio.Runner() as runner:
        banner = "`run(…)` runs a coroutine. `database` and the models are defined."
        code.interact(banner, local={"run": runner.run, "database": database, **models()})
        runner.run(database.close())


@main.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    document = create_app(settings_or_exit()).openapi()
    click.echo(json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False))


for extra in (*auth.commands, *messaging.commands):
    main.add_command(extra)


def _development_settings() -> Settings:
    settings = settings_or_exit()
    if settings.is_production:
        raise click.ClickException("this command does not run in production")
    return settings


async def _seed(settings: Settings) -> None:
    async with Database(settings) as database:
        await database.ping()
        owner, lines = await auth.seed(database)
        lines += await seed_orders(database, owner)
    for line in lines:
        click.echo(line)


if __name__ == "__main__":
    main()
