"""The rows that both contestants begin with."""

from __future__ import annotations

from tests.components import PostgreSQL

ORDERS = 10_000

# Ids of version 7 and times one second apart, with two lines each, all of them one member's.
_FILL = """
WITH member AS (SELECT id FROM users WHERE email = '{owner}'),
made AS (
    INSERT INTO orders
        (id, owner, reference, currency, status, note, created_at, updated_at, version)
    SELECT (lpad(to_hex(((extract(epoch FROM now()) - n) * 1000)::bigint), 12, '0') || '7'
            || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid,
           member.id::text, 'seed-' || n, 'EUR', 'confirmed', NULL,
           now() - n * interval '1 second', now() - n * interval '1 second', 2
    FROM generate_series(1, {count}) AS n, member
    RETURNING id
)
INSERT INTO order_lines (order_id, position, sku, quantity, unit_price)
SELECT id, position, 'sku-' || position, 1 + position, 9.95
FROM made, generate_series(0, 1) AS position
"""


def fill(server: PostgreSQL, database: str, owner: str) -> str:
    """Give the member with this email 10,000 orders of two lines; gives the member's id."""
    server.execute(_FILL.format(owner=owner, count=ORDERS), database)
    return server.execute(f"SELECT id FROM users WHERE email = '{owner}'", database)
