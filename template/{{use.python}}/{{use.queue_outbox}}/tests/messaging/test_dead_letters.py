"""The commands for dead letters."""

import asyncio
import json

import pytest
from click.testing import CliRunner, Result

from app import cli
from app.clock import new_id
from app.database import Database
from app.messaging.events import Event
from tests.messaging.conftest import Worker, failing, handler, send, waiting

pytestmark = pytest.mark.usefixtures("environment")


async def dead_letters(*arguments: str) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, cli.main, ["dead-letters", *arguments])


@pytest.fixture
async def events(database: Database) -> list[Event]:
    """Two events that have become dead letters."""
    events = await send(database, 2)
    await Worker(database, failing(), queue_max_attempts=1).work()
    return events


async def test_list_shows_the_oldest_first(events: list[Event]) -> None:
    listed = (await dead_letters("list")).stdout.splitlines()

    assert [line.split()[0] for line in listed] == [str(event.id) for event in events]


async def test_show_prints_the_event_and_the_last_error(events: list[Event]) -> None:
    shown = json.loads((await dead_letters("show", str(events[0].id))).stdout)

    assert Event.model_validate(shown.pop("event")) == events[0]
    cause = {"request_id": None, "traceparent": None}
    assert shown == {"attempts": 1, "last_error": "ValueError('the pot is empty')", **cause}


async def test_redrive_sends_one_message_or_all_to_the_worker_again(database: Database, events: list[Event]) -> None:
    assert (await dead_letters("redrive", str(events[0].id))).stdout == "1 sent\n"
    assert (await dead_letters("redrive")).stdout == "1 sent\n"

    assert [message.attempts for message in await waiting(database)] == [0, 0]
    assert await Worker(database, handler()).work() == 2


@pytest.mark.parametrize("command", ["show", "redrive"])
async def test_an_unknown_id_is_reported_in_one_line(command: str) -> None:
    result = await dead_letters(command, str(new_id()))

    assert result.exit_code == 1
    assert result.stderr == "Error: There is no such dead letter\n"
