"""The commands for messages that were given up."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from app.config import settings
from app.database import Database
from app.ids import new_id
from app.messaging.events import Event
from tests.messaging.queues import Log, fail, send, worker

T = TypeVar("T")


@pytest.fixture
def dead(environment: pytest.MonkeyPatch) -> list[Event]:
    """Two events whose messages were given up. A third one still waits."""

    async def give_up(database: Database) -> list[Event]:
        events = await send(database, 2)
        await worker(database, fail, queue_max_attempts=1).work()
        await send(database)
        return events

    return with_database(give_up)


def test_list_shows_each_with_its_error(dead: list[Event]) -> None:
    lines = run("list").stdout.splitlines()
    assert {line.split()[0] for line in lines} == {str(event.id) for event in dead}
    assert all("tea.poured" in line and "the pot is empty" in line for line in lines)


def test_show_prints_one_as_json(dead: list[Event]) -> None:
    shown = json.loads(run("show", str(dead[0].id)).stdout)
    assert shown == {"attempts": 1, "last_error": "ValueError('the pot is empty')", "event": dead[0].envelope()}


def test_what_is_not_dead_is_not_shown(dead: list[Event]) -> None:
    result = run("show", str(new_id()))
    assert (result.exit_code, result.stderr) == (1, "Error: There is no such dead letter\n")


def test_redrive_sends_one_again(dead: list[Event]) -> None:
    assert run("redrive", str(dead[0].id)).stdout == "1 sent\n"
    assert dead[0] in with_database(handle)
    assert run("list").stdout.startswith(str(dead[1].id))


def test_redrive_sends_all_again(dead: list[Event]) -> None:
    assert run("redrive").stdout == "2 sent\n"
    assert len(with_database(handle)) == 3
    assert run("list").stdout == ""


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["dead-letters", *arguments])


async def handle(database: Database) -> list[Event]:
    log = Log()
    await worker(database, log).work()
    return log.events


def with_database(work: Callable[[Database], Awaitable[T]]) -> T:
    async def run() -> T:
        database = Database(settings())
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())
