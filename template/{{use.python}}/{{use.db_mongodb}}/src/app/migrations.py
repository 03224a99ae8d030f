"""Migrates the database: `python -m app.migrations`. Each file in `migrations/versions` is one reversible step."""

import asyncio
import difflib
import json
import runpy
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import click
from pymongo.asynchronous.database import AsyncDatabase
from pymongo.errors import DuplicateKeyError

from app import clock, dialect
from app.config import settings
from app.dialect import Fields

FOLDER = Path("migrations/versions")
APPLIED, LOCK = "migrations", "migrations_lock"
"""The collections that hold what has run, and who runs migrations now."""

LOCK_SECONDS = 30
"""If a process dies while it migrates, another one may migrate after this time."""
POLL_SECONDS = 0.2

Step = Callable[[AsyncDatabase[Fields]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Migration:
    """A file of `FOLDER`. `follows` is the revision of the migration before it."""

    revision: str
    follows: str | None
    upgrade: Step
    downgrade: Step


def upgrade() -> None:
    """Run the migrations that have not run yet."""
    asyncio.run(_in_database(_upgrade))


def downgrade(target: str = "base") -> None:
    """Undo the migrations after `target`, the newest first. `base` undoes all of them, which deletes all documents."""
    asyncio.run(_in_database(lambda database: _downgrade(database, target)))


def drift() -> list[str]:
    """The lines in which the database differs from what the migrations make: collections, indexes and validators."""
    return asyncio.run(_in_database(_drift))


@click.group()
def main() -> None:
    """Migrate the database."""


@main.command("upgrade")
@click.argument("target", type=click.Choice(["head"]), default="head")
def _upgrade_command(target: str) -> None:
    """Run the migrations that have not run yet."""
    upgrade()


@main.command("downgrade", context_settings={"ignore_unknown_options": True})
@click.argument("target")
def _downgrade_command(target: str) -> None:
    """Undo the migrations after TARGET: a revision, -1 for the newest one, or base for all."""
    downgrade(target)


@main.command("check")
def _check_command() -> None:
    """Fail if the database differs from what the migrations make."""
    if found := drift():
        raise click.ClickException("\n".join(["the database differs from the migrations", *found]))


@main.command("revision")
@click.option("-m", "--message", required=True)
def _revision_command(message: str) -> None:
    """Write an empty migration that follows the newest one."""
    known = history()
    name = f"{len(known) + 1:04}_{'_'.join(message.lower().split())}"
    path = FOLDER / f"{name}.py"
    path.write_text(_EMPTY.format(message=message, revision=name, follows=known[-1].revision))
    click.echo(path)


_EMPTY = '''"""{message}."""

from typing import Any

from pymongo.asynchronous.database import AsyncDatabase

revision = "{revision}"
down_revision = "{follows}"


async def upgrade(database: AsyncDatabase[dict[str, Any]]) -> None:
    pass


async def downgrade(database: AsyncDatabase[dict[str, Any]]) -> None:
    pass
'''


def history() -> Sequence[Migration]:
    """All migrations, the oldest first. Raises ClickException if they are not one chain."""
    files = [runpy.run_path(str(path)) for path in sorted(FOLDER.glob("*.py"))]
    following = {file["down_revision"]: file for file in files}
    ordered: list[Migration] = []
    while file := following.pop(ordered[-1].revision if ordered else None, None):
        ordered.append(Migration(file["revision"], file["down_revision"], file["upgrade"], file["downgrade"]))
    if len(ordered) != len(files):
        raise click.ClickException(f"the migrations in {FOLDER} are not one chain: check each down_revision")
    return ordered


async def _in_database(work: Callable[[AsyncDatabase[Fields]], Awaitable[Any]]) -> Any:
    async with dialect.create_client(settings()) as client:
        return await work(client.get_default_database(codec_options=dialect.CODEC))


async def _upgrade(database: AsyncDatabase[Fields]) -> None:
    async with _locked(database):
        applied = await _applied(database)
        for migration in history():
            if migration.revision not in applied:
                await migration.upgrade(database)
                await database[APPLIED].insert_one({"_id": migration.revision, "applied_at": clock.now()})


async def _downgrade(database: AsyncDatabase[Fields], target: str) -> None:
    async with _locked(database):
        applied = await _applied(database)
        known = [migration for migration in history() if migration.revision in applied]
        for migration in reversed(known[_position(known, target) :]):
            await migration.downgrade(database)
            await database[APPLIED].delete_one({"_id": migration.revision})


async def _applied(database: AsyncDatabase[Fields]) -> set[str]:
    applied = {each["_id"] for each in await database[APPLIED].find().to_list()}
    if unknown := applied - {migration.revision for migration in history()}:
        raise click.ClickException(f"the database has migrations that this code lacks: {', '.join(sorted(unknown))}")
    return applied


def _position(known: Sequence[Migration], target: str) -> int:
    """How many of these migrations stay."""
    if target == "base":
        return 0
    if target == "-1":
        return max(len(known) - 1, 0)
    revisions = [migration.revision for migration in known]
    if target not in revisions:
        raise click.ClickException(f"{target} has not run on this database")
    return revisions.index(target) + 1


@asynccontextmanager
async def _locked(database: AsyncDatabase[Fields]) -> AsyncIterator[None]:
    """Wait until no other process migrates, and keep others from it."""
    owner = clock.new_id()
    while not await _try_lock(database, owner):  # noqa: ASYNC110  # another process ends it
        await asyncio.sleep(POLL_SECONDS)
    renewing = asyncio.create_task(_renew(database, owner))
    try:
        yield
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing
        await database[LOCK].delete_one({"owner": owner})


async def _try_lock(database: AsyncDatabase[Fields], owner: UUID) -> bool:
    until = clock.now() + timedelta(seconds=LOCK_SECONDS)
    await database[LOCK].delete_one({"until": {"$lte": clock.now()}})
    try:
        await database[LOCK].insert_one({"_id": "lock", "owner": owner, "until": until})
    except DuplicateKeyError:
        return False
    return True


async def _renew(database: AsyncDatabase[Fields], owner: UUID) -> None:
    while True:
        await asyncio.sleep(LOCK_SECONDS / 3)
        until = clock.now() + timedelta(seconds=LOCK_SECONDS)
        await database[LOCK].update_one({"owner": owner}, {"$set": {"until": until}})


async def _drift(database: AsyncDatabase[Fields]) -> list[str]:
    applied = await _applied(database)
    # A second database shows what the migrations make.
    expected = database.client.get_database(f"{database.name}_{clock.new_id().hex[-8:]}", dialect.CODEC)
    try:
        for migration in history():
            if migration.revision in applied:
                await migration.upgrade(expected)
        differing = difflib.ndiff(await _described(expected), await _described(database))
        return [line for line in differing if line[0] in "+-"]
    finally:
        await database.client.drop_database(expected)


async def _described(database: AsyncDatabase[Fields]) -> list[str]:
    """Every collection with its options and indexes, as sorted lines."""
    lines: list[str] = []
    async for each in await database.list_collections():
        name = each["name"]
        if name in (APPLIED, LOCK) or name.startswith("system."):
            continue
        lines.append(f"{name} {json.dumps(each.get('options', {}), sort_keys=True, default=str)}")
        for index, options in (await database[name].index_information()).items():
            lines.append(f"{name} {index} {json.dumps(options, sort_keys=True, default=str)}")
    return sorted(lines)


if __name__ == "__main__":
    main()
