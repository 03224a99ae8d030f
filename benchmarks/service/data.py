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
        SELECT id, position, 'sku-' || position, 1 + position, {price}
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
        SELECT substr(start, 1, 8) || '{hyphen}' || substr(start, 9) || '{hyphen}7'
               || substr(lower(hex(randomblob(2))), 1, 3) || '{hyphen}8'
               || substr(lower(hex(randomblob(2))), 1, 3) || '{hyphen}'
               || lower(hex(randomblob(6))),
               '{owner}', 'seed-' || n, 'EUR', 'confirmed', NULL, moment, moment, 2
        FROM (SELECT n, printf('%012x', (unixepoch() - n) * 1000) AS start,
                     strftime('{moment}', 'now', -n || ' seconds') AS moment
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
        SELECT concat(substr(start, 1, 8), '{hyphen}', substr(start, 9), '{hyphen}7',
                      substr(md5(seq), 1, 3), '{hyphen}8', substr(md5(seq), 4, 3), '{hyphen}',
                      substr(md5(seq), 7, 12)),
               '{owner}', concat('seed-', seq), 'EUR', 'confirmed', NULL,
               utc_timestamp() - INTERVAL seq SECOND, utc_timestamp() - INTERVAL seq SECOND, 2
        FROM (SELECT seq, lpad(lower(hex(floor((unix_timestamp() - seq) * 1000))), 12, '0') AS start
              FROM seq_1_to_{count}) AS numbers
        """,
        """
        INSERT INTO order_lines (order_id, position, sku, quantity, unit_price)
        SELECT id, seq, concat('sku-', seq), 1 + seq, {price} FROM orders, seq_0_to_1
        """,
        "ANALYZE TABLE orders, order_lines",
    ],
}
# How services store ids and times where the database has no type for them, and amounts of money.
_FORMS = {
    "python": {"hyphen": "", "moment": "%Y-%m-%d %H:%M:%S.000000", "price": "9.95"},
    "node": {"hyphen": "-", "moment": "%Y-%m-%dT%H:%M:%S.000Z", "price": "99500"},
}


def fill(database: SqlDatabase, language: str, owner: str) -> str:
    """Give the member with this email 10,000 orders of two lines; gives the member's id.

    `language` is that of the service.
    """
    [[member]] = database.query(f"SELECT id FROM users WHERE email = '{owner}'")
    for statement in _FILL[database.kind]:
        form = _FORMS[language]
        database.query(statement.format(owner=as_id(member), count=ORDERS, **form))
    return as_id(member)
