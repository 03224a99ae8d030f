"""Measure how fast workers drain the outbox on PostgreSQL: `python -m benchmarks.outbox`.

Each round stores the same number of placed orders and their events, starts workers, and waits until
no message is pending. Each message is handled in its own transaction: it deletes the message and
confirms the order. BENCH_EVENTS (5000) and BENCH_ROUNDS (3) set the length. Exit code 1 when an
order of any round is not confirmed.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.combinations import TEMPLATE
from tests.components import ensure, wait_until
from tests.components.postgresql import PostgreSQL
from tests.services import Service, generate, install, production_like

EVENTS = int(os.environ.get("BENCH_EVENTS", "5000"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
WORKERS = (1, 2)
DATABASE = "outbox"
LONGEST_SECONDS = 600
PENDING = "SELECT count(*) FROM messages WHERE state = 'pending'"
UNCONFIRMED = "SELECT count(*) FROM orders WHERE status <> 'confirmed'"

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
        server = ensure(PostgreSQL)
        service = _service(Path(folder), server)
        try:
            for count in WORKERS:
                rates = [_drain(service, server, count) for _ in range(ROUNDS)]
                print(f"{count} worker(s): {median(rates):.0f} events/s, median of {ROUNDS}")
        except AssertionError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        finally:
            service.stop()
    return 0


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
    """Events per second, from the first one that is handled until none is pending.

    Raises AssertionError when an order is not confirmed.
    """

    def count(statement: str) -> int:
        return int(server.execute(statement, DATABASE))

    for statement in _FILL.format(count=EVENTS).split(";"):
        server.execute(statement, DATABASE)
    started = [service.worker() for _ in range(workers)]
    process = started[0].process
    wait_until(lambda: count(PENDING) < EVENTS, 30, "no event was handled", process)
    began = time.perf_counter()
    left = count(PENDING)
    wait_until(lambda: not count(PENDING), LONGEST_SECONDS, "events stayed pending", process)
    seconds = time.perf_counter() - began
    for worker in started:
        worker.terminate()
    unconfirmed = count(UNCONFIRMED)
    assert not unconfirmed, f"{unconfirmed} orders were not confirmed"
    return left / seconds


if __name__ == "__main__":
    sys.exit(main())
