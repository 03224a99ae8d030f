"""Measure how fast workers drain the outbox on PostgreSQL: `python -m benchmarks.outbox`.

Each round stores the same number of placed orders and their events, starts workers, and counts the
messages until none is left. Each message is handled in its own transaction: it deletes the message
and confirms the order. BENCH_EVENTS (5000) and BENCH_ROUNDS (3) set the length. Exit code 1 when a
message is lost or becomes a dead letter.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.combinations import TEMPLATE
from tests.components import PostgreSQL, ensure
from tests.services import Service, generate, install, production_like

EVENTS = int(os.environ.get("BENCH_EVENTS", "5000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
WORKERS = (1, 2)
DATABASE = "outbox"
POLL_SECONDS = 0.05

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
INSERT INTO messages (id, owner, type, event, state, run_at, attempts, created_at)
SELECT gen_random_uuid(), 'somebody', 'order.placed',
       json_build_object('type', 'order.placed', 'subject', id,
                         'data', json_build_object('reference', reference)),
       'pending', now(), 0, now()
FROM made;
VACUUM ANALYZE orders, order_lines, messages
"""


def main() -> int:
    """Drain the outbox with different numbers of workers. Returns the exit code."""
    with tempfile.TemporaryDirectory(prefix="scaffold-outbox-") as folder:
        server = ensure("postgresql")
        service = _service(Path(folder), server)
        try:
            for count in WORKERS:
                rates = [_drain(service, server, count) for _ in range(ROUNDS)]
                print(f"{count} worker(s): {median(rates):.0f} events/s, median of {ROUNDS}")
        finally:
            service.stop()
        unconfirmed = _number(server, "SELECT count(*) FROM orders WHERE status <> 'confirmed'")
        if unconfirmed:
            print(f"error: {unconfirmed} orders were not confirmed", file=sys.stderr)
        return 1 if unconfirmed else 0


def _service(folder: Path, server: PostgreSQL) -> Service:
    project = generate(folder / "shop", "--preset", "production")
    server.create_database(DATABASE)
    env = {"DATABASE_URL": server.database_url(DATABASE, "asyncpg")}
    answers = TEMPLATE.presets["production"].answers
    service = Service(answers, project, install(project), env, folder / "logs")
    service.migrate()
    key = service.cli("generate-key")
    service.env = production_like(env["DATABASE_URL"], LOG_LEVEL="warning", AUTH_PRIVATE_KEY=key)
    return service


def _drain(service: Service, server: PostgreSQL, workers: int) -> float:
    """Events per second, from the first one that is handled until the outbox is empty."""
    for statement in _FILL.format(count=EVENTS).split(";"):
        server.execute(statement, DATABASE)
    started = [service.worker() for _ in range(workers)]
    first = _wait_until_below(server, EVENTS)
    left = _number(server, "SELECT count(*) FROM messages")
    last = _wait_until_below(server, 1)
    for worker in started:
        worker.terminate()
    return left / (last - first)


def _wait_until_below(server: PostgreSQL, count: int) -> float:
    """The time at which fewer than `count` messages were pending."""
    while _number(server, "SELECT count(*) FROM messages WHERE state = 'pending'") >= count:
        time.sleep(POLL_SECONDS)
    return time.perf_counter()


def _number(server: PostgreSQL, statement: str) -> int:
    return int(server.execute(statement, DATABASE))


if __name__ == "__main__":
    sys.exit(main())
