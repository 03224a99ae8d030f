"""Measure the events of generated services on PostgreSQL: `python -m benchmarks.outbox`.

For each queue, from publishing to the handler, beside a plain client of the same server that sends
the same events without an outbox, round after round in turn. `events/s` is at full speed: both send
as fast as they can, and the time ends when the last event is handled. The latency is at a fixed
rate. The handler only notes the time.

Then, how fast workers drain a full outbox of the queue `database`, with a handler that does nothing
and with the handler of the example.

BENCH_QUEUES names the queues; all that are offered by default. BENCH_EVENTS (20000) and
BENCH_ROUNDS (3) set the length. Exit code 1 when an event is lost.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from tests.combinations import ROOT, TEMPLATE, axes
from tests.components import Process, ensure, wait_until
from tests.components.postgresql import PostgreSQL
from tests.drills import brokers
from tests.runtimes.python import Python, install
from tests.services import Service, generate, production_like

CLIENTS = Path(__file__).parent / "clients"
EVENTS = int(os.environ.get("BENCH_EVENTS", "20000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
QUEUES = [
    queue
    for queue in os.environ.get("BENCH_QUEUES", "").split() or axes()["queue"]
    if (CLIENTS / f"{queue}.py").exists()
]
FLOOD = 3000
PACED, RATE = 500, 100
WORKERS = (1, 2)
BATCH_SIZE = "1000"
DATABASE = "outbox"
LONGEST_SECONDS = 120

_NOTE = '''\
"""A handler that notes when it was called."""

import os

from app.messaging import Handlers
from app.messaging.handlers import BatchHandler
from benchmarks.outbox.clients.pacing import note


@BatchHandler
async def note_time(session, events):
    note(os.environ["BENCH_FILE"], [event.data["at"] for event in events])


HANDLERS: Handlers = {"bench.sent": (note_time,)}
'''
_NOTHING = '''\
"""A handler that does nothing."""

from app.messaging import Handlers
from app.messaging.handlers import BatchHandler


@BatchHandler
async def do_nothing(session, events):
    pass


HANDLERS: Handlers = {"order.placed": (do_nothing,)}
'''
_FILL = """
TRUNCATE orders, order_lines, messages;
WITH made AS (
    INSERT INTO orders
        (id, owner, reference, currency, status, note, created_at, updated_at, version)
    SELECT gen_random_uuid(), 'somebody', 'event-' || n, 'EUR', 'placed', NULL, now(), now(), 1
    FROM generate_series(1, {count}) AS n
    RETURNING id, reference
), lines AS (
    INSERT INTO order_lines (order_id, position, sku, quantity, unit_price)
    SELECT id, 0, 'sku', 1, 9.95 FROM made
)
INSERT INTO messages (id, owner, type, subject, event, state, run_at, attempts, created_at)
SELECT gen_random_uuid(), 'somebody', 'order.placed', id,
       json_build_object('type', 'order.placed', 'subject', id,
                         'data', json_build_object('reference', reference)),
       'pending', clock_timestamp(), 0, clock_timestamp()
FROM made;
VACUUM ANALYZE orders, order_lines, messages
"""
_PENDING = "SELECT count(*) FROM messages WHERE state = 'pending'"
_UNCONFIRMED = "SELECT count(*) FROM orders WHERE status <> 'confirmed'"


class Figures(NamedTuple):
    """What one round measured."""

    events_per_second: float
    p50_ms: float
    p95_ms: float


@dataclass(frozen=True)
class Contestant:
    """How to start a receiver that notes into a file, and the program that sends."""

    sends: Path
    receive: Callable[[Path], Process]


def main() -> int:
    """Measure all queues. Returns the exit code."""
    try:
        for queue in QUEUES:
            with tempfile.TemporaryDirectory(prefix="scaffold-outbox-") as folder:
                _measure(queue, Path(folder))
    except AssertionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _measure(queue: str, folder: Path) -> None:
    server = ensure(PostgreSQL)
    service = _service(queue, folder, server)
    example = service.project / "src/app/subscriptions.py"
    handlers = {"the example": example.read_text(), "nothing": _NOTHING}
    try:
        example.write_text(_NOTE)
        contestants = _contestants(queue, service)
        rounds: dict[str, list[Figures]] = {name: [] for name in contestants}
        for number in range(ROUNDS):
            for name, contestant in contestants.items():
                rounds[name].append(_round(service, contestant, folder / f"{name}-{number}"))
        _show(queue, {name: _medians(figures) for name, figures in rounds.items()})
        if queue == "database":
            for does, text in handlers.items():
                example.write_text(text)
                for workers in WORKERS:
                    confirms = does == "the example"
                    rates = [_drain(service, server, workers, confirms) for _ in range(ROUNDS)]
                    print(
                        f"drained by {workers} worker(s), the handler does {does}: "
                        f"{median(rates):.0f} events/s, best {max(rates):.0f}"
                    )
    finally:
        service.stop()


def _service(queue: str, folder: Path, server: PostgreSQL) -> Service:
    answers = {**TEMPLATE.presets["production"].answers, "auth": "none", "queue": queue}
    flags = [f"--{name}={value}" for name, value in answers.items()]
    project = generate(folder / "shop", *flags)
    server.create_database(DATABASE)
    broker = brokers.create(queue, DATABASE)
    url = server.database_url(DATABASE, "asyncpg")
    env = production_like(url, LOG_LEVEL="warning", **(broker.settings if broker else {}))
    env |= {"PYTHONPATH": f"src:{ROOT}", "QUEUE_BATCH_SIZE": BATCH_SIZE}
    service = Service(answers, project, install(project), env, folder / "logs")
    service.migrate()
    return service


def _contestants(queue: str, service: Service) -> Mapping[str, Contestant]:
    plain = CLIENTS / f"{queue}.py"

    def run_worker(file: Path) -> Process:
        worker = service.worker(BENCH_FILE=str(file))
        return worker.process

    return {
        "outbox": Contestant(CLIENTS / "outbox.py", run_worker),
        "plain": Contestant(plain, lambda file: _start(service, "receive", plain, str(file))),
    }


def _round(service: Service, contestant: Contestant, file: Path) -> Figures:
    """One round. Raises AssertionError when an event is not handled."""
    seconds, _ = _send(service, contestant, file.with_suffix(".flood"), FLOOD, 0)
    _, latencies = _send(service, contestant, file.with_suffix(".paced"), PACED, RATE)
    centiles = [1000 * value for value in quantiles(latencies, n=100)]
    return Figures(FLOOD / seconds, centiles[49], centiles[94])


def _send(
    service: Service, contestant: Contestant, file: Path, count: int, rate: int
) -> tuple[float, list[float]]:
    """Send events to a receiver.

    Gives the seconds until the last one was handled, and the latencies.
    """
    file.touch()
    receiver = contestant.receive(file)
    time.sleep(2)  # until it waits for messages
    sender = _start(service, "send", contestant.sends, str(count), str(rate))

    def all_noted() -> bool:
        return file.read_bytes().count(b"\n") >= count

    wait_until(all_noted, LONGEST_SECONDS, "events were not handled", receiver)
    ended = file.stat().st_mtime
    sender.wait(10)
    began = float(sender.log.read_text().split()[0])
    receiver.signal(signal.SIGTERM)
    receiver.wait(30)
    latencies = [float(line) for line in file.read_text().split()]
    assert len(latencies) == count, f"{len(latencies) - count} events were handled twice"
    return ended - began, latencies


def _start(service: Service, name: str, program: Path, *arguments: str) -> Process:
    assert isinstance(service.runtime, Python)
    return Process(
        # -P: the folder of the clients must not hide packages such as redis.
        [str(service.runtime.interpreter), "-P", str(program), *arguments],
        log=service.log_file(name),
        env=service.environment({}),
        cwd=service.project,
    )


def _drain(service: Service, server: PostgreSQL, workers: int, confirms: bool) -> float:
    """Events per second, from the first one that is handled until none is pending.

    Raises AssertionError when an order is not confirmed.
    """

    def count(statement: str) -> int:
        return int(server.execute(statement, DATABASE))

    for statement in _FILL.format(count=EVENTS).split(";"):
        server.execute(statement, DATABASE)
    started = [service.worker() for _ in range(workers)]
    process = started[0].process
    wait_until(lambda: count(_PENDING) < EVENTS, 30, "no event was handled", process)
    began = time.perf_counter()
    left = count(_PENDING)
    wait_until(lambda: not count(_PENDING), LONGEST_SECONDS, "events stayed pending", process)
    seconds = time.perf_counter() - began
    for worker in started:
        worker.terminate()
    unconfirmed = count(_UNCONFIRMED)
    assert not confirms or not unconfirmed, f"{unconfirmed} orders were not confirmed"
    return left / seconds


def _medians(rounds: list[Figures]) -> Figures:
    return Figures(*(median(values) for values in zip(*rounds, strict=True)))


def _show(queue: str, figures: Mapping[str, Figures]) -> None:
    print(f"{queue}: {ROUNDS} rounds in turn, medians; latency at {RATE} events/s")
    print(f"{'':8}{'events/s':>10}{'p50 ms':>10}{'p95 ms':>10}")
    for name, row in figures.items():
        print(f"{name:8}{row.events_per_second:10.0f}{row.p50_ms:10.1f}{row.p95_ms:10.1f}")
    ratios = (ours / theirs for ours, theirs in zip(*figures.values(), strict=True))
    print(f"{'ratio':8}" + "".join(f"{ratio:10.2f}" for ratio in ratios))


if __name__ == "__main__":
    sys.exit(main())
