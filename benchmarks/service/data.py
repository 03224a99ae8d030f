"""The rows that both contestants begin with."""

from __future__ import annotations

from tests.drills.databases import as_id
from tests.drills.databases.sql import SqlDatabase

ORDERS = 10_000

# Ids of version 7 and times one second apart, with two lines each, all of them one member's.
_FILL = {
    "postgresql": [
        """
        INSERT INTO orders
            (id, owner, reference, currency, status, note, created_at, updated_at, version)
        SELECT (lpad(to_hex(((extract(epoch FROM now()) - n) * 1000)::bigint), 12, '0') || '7'
                || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
               '{owner}', 'seed-' || n, 'EUR', 'confirmed', NULL,
               now() - n * interval '1 second', now() - n * interval '1 second', 2
        FROM generate_series(1, {count}) AS n
        """,
        """
        INSERT INTO order_lines (order_id, position, sku, quantity, unit_price)
        SELECT id, position, 'sku-' || position, 1 + position, 9.95
        FROM orders, generate_series(0, 1) AS position
        """,
        "ANALYZE",
    ],
    "sqlite": [
        """
        INSERT INTO orders
            (id, owner, reference, currency, status, note, created_at, updated_at, version)
        WITH RECURSIVE numbers(n) AS
            (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {count})
        SELECT printf('%012x', (unixepoch() - n) * 1000) || '7'
               || substr(lower(hex(randomblob(2))), 1, 3) || '8'
               || substr(lower(hex(randomblob(8))), 1, 15),
               '{owner}', 'seed-' || n, 'EUR', 'confirmed', NULL, moment, moment, 2
        FROM (SELECT n, strftime('%Y-%m-%d %H:%M:%S.000000', 'now', -n || ' seconds') AS moment
              FROM numbers)
        """,
        """
        INSERT INTO order_lines (order_id, position, sku, quantity, unit_price)
        SELECT id, position, 'sku-' || position, 1 + position, 99500
        FROM orders, (SELECT 0 AS position UNION ALL SELECT 1)
        """,
        "ANALYZE",
    ],
    "mysql": [
        """
        INSERT INTO orders
            (id, owner, reference, currency, status, note, created_at, updated_at, version)
        SELECT concat(lpad(lower(hex(floor((unix_timestamp() - seq) * 1000))), 12, '0'), '7',
                      substr(md5(seq), 1, 3), '8', substr(md5(seq), 4, 15)),
               '{owner}', concat('seed-', seq), 'EUR', 'confirmed', NULL,
               utc_timestamp() - INTERVAL seq SECOND, utc_timestamp() - INTERVAL seq SECOND, 2
        FROM seq_1_to_{count}
        """,
        """
        INSERT INTO order_lines (order_id, position, sku, quantity, unit_price)
        SELECT id, seq, concat('sku-', seq), 1 + seq, 9.95 FROM orders, seq_0_to_1
        """,
        "ANALYZE TABLE orders, order_lines",
    ],
}


def fill(database: SqlDatabase, owner: str) -> str:
    """Give the member with this email 10,000 orders of two lines; gives the member's id."""
    [[member]] = database.query(f"SELECT id FROM users WHERE email = '{owner}'")
    for statement in _FILL[database.kind]:
        database.query(statement.format(owner=as_id(member), count=ORDERS))
    return as_id(member)
