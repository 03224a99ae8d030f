"""REL-5: events survive every process and the broker, in order; a poison message stops no other.

The service gets handlers that note what they handle in a table, where the drill finds it.
"""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.components.outages import Server, killed
from tests.drills.brokers import Broker
from tests.drills.databases import Database, eventually
from tests.services import Service, Worker

SECONDS = float(os.environ.get("DRILL_SECONDS", "60")) / 2
SUBJECTS = 20
DIED = "the worker process died while handling this message"


@pytest.fixture
def noting(service: Service, database: Database, tmp_path: Path) -> Iterator[Service]:
    """The service with the handlers of the drill."""
    project = tmp_path / "noting"
    shutil.copytree(service.project, project)
    service.runtime.add_handlers(project, database)
    database.prepare_notes()
    noting = replace(service, project=project, running=[])
    noting.env |= {"QUEUE_POLL_SECONDS": "0.2", "QUEUE_LEASE_SECONDS": "2"}
    yield noting
    noting.stop()


@pytest.mark.needs("queue")
def test_events_of_one_subject_are_handled_once_and_in_order_through_kills(
    noting: Service,
    database: Database,
    broker: Broker | None,
    record_testsuite_property: Callable[[str, object], None],
) -> None:
    """`kill -9` of two workers and the broker while events are published."""
    subjects = [f"subject-{number}" for number in range(SUBJECTS)]
    workers = [noting.worker(), noting.worker()]
    ends = time.monotonic() + SECONDS
    with ThreadPoolExecutor() as threads:
        killing = {"worker": threads.submit(_kill_workers, workers, ends)}
        if broker:
            killing["broker"] = threads.submit(_kill_broker, broker.server, ends)
        published = 0
        while time.monotonic() < ends:
            _publish(noting, published, published + 10, *subjects)
            published += 10
        kills = {name: counting.result() for name, counting in killing.items()}

    assert kills["worker"] >= SECONDS / 6
    assert all(kills.values()), kills
    wanted = published * SUBJECTS
    eventually(lambda: len(database.notes()), wanted, 90)
    time.sleep(2)  # for what is handled twice
    notes = database.notes()
    for subject in subjects:
        numbers = [number for each, number in notes if each == subject]
        assert numbers == list(range(published)), subject
    if broker:
        eventually(lambda: broker.queued, 0, 30)
    record_testsuite_property("drill:events in order", wanted)


@pytest.mark.needs("queue")
@pytest.mark.parametrize(("subject", "reason"), [("poison", DIED), ("broken", "the pot is empty")])
def test_a_poison_message_becomes_a_dead_letter_and_is_handled_after_the_fix(
    noting: Service, database: Database, subject: str, reason: str
) -> None:
    noting.env["QUEUE_MAX_ATTEMPTS"] = "3"
    others = [f"subject-{number}" for number in range(SUBJECTS)]
    _publish(noting, 0, 1, *others[:10], subject, *others[10:])
    worker = noting.worker()
    letters = ""
    deadline = time.monotonic() + 60
    while reason not in letters:
        assert time.monotonic() < deadline, f"no dead letter: {letters}"
        time.sleep(1)  # each start of the CLI takes most of a core
        if worker.process.exit_code is not None:
            worker.start()
        letters = noting.cli("dead-letters", "list")

    _publish(noting, 1, 2, *others)
    eventually(lambda: len(database.notes()), 2 * SUBJECTS, 20)
    assert len(letters.splitlines()) == 1
    (noting.project / "fixed").touch()
    assert noting.cli("dead-letters", "redrive") == "1 sent\n"
    eventually(lambda: (subject, 0) in database.notes(), True, 20)
    assert noting.cli("dead-letters", "list") == ""


def _kill_workers(workers: list[Worker], ends: float) -> int:
    kills = 0
    while time.monotonic() < ends:
        time.sleep(random.uniform(0.5, 3))
        victim = random.choice(workers)
        victim.process.kill()
        victim.start()
        kills += 1
    return kills


def _kill_broker(server: Server, ends: float) -> int:
    kills = 0
    while time.monotonic() < ends:
        time.sleep(random.uniform(4, 8))
        with killed(server):
            time.sleep(random.uniform(0, 2))
        kills += 1
    return kills


def _publish(service: Service, first: int, last: int, *subjects: str) -> None:
    """Publish the numbers from `first` to `last` for each subject, through the outbox."""
    subprocess.run(
        [*service.runtime.publisher, str(first), str(last), *subjects],
        cwd=service.project,
        env=service.environment({}),
        check=True,
        timeout=60,
    )
