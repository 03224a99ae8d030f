import { CompiledQuery, type Kysely } from 'kysely';
import { expect, test } from 'vitest';

import { newId } from '../../src/clock.ts';
import type { Database } from '../../src/database.ts';
import { type OrderFilter, OrdersRepository } from '../../src/orders/orders.repository.ts';
import { ORDER_STATUSES } from '../../src/orders/status.ts';
import { type Principal, SERVICE } from '../../src/permissions.ts';
import type { Tables } from '../../src/tables.ts';
import { ANALYZE, EXPLAIN, WHOLE_TABLE } from '../databases.ts';
import { openDatabase } from '../services.ts';

const ORDERS = 12_000;
const AT_ONCE = 1000;
const orders = new OrdersRepository();
const moment = new Date('2026-06-01T00:00:00Z');
const member: Principal = { subject: 'user 7', roles: ['member'] };

const LISTS: [Principal, Omit<OrderFilter, 'limit'>][] = [
  [SERVICE, {}],
  [SERVICE, { after: { created_at: moment, id: newId() } }],
  [SERVICE, { status: 'placed' }],
  [SERVICE, { status: 'placed', after: { created_at: moment, id: newId() } }],
  [SERVICE, { reference: 'A-77' }],
  [SERVICE, { createdAfter: moment }],
  [SERVICE, { createdBefore: moment }],
  [member, {}],
  [member, { after: { created_at: moment, id: newId() } }],
  [member, { status: 'placed' }],
  [member, { reference: 'A-77' }],
];

test('no list and no read of an order reads a whole table', async () => {
  const database = await openDatabase();
  for (let from = 0; from < ORDERS; from += AT_ONCE) await insertOrders(database, from, AT_ONCE);
  for (const table of ['orders', 'order_lines']) {
    await database.read(({ db }) => db.executeQuery(CompiledQuery.raw(`${ANALYZE} ${table}`)));
  }

  for (const [principal, filter] of LISTS) {
    const plan = await planOf(database, (db) => orders.list({ db, afterCommit }, principal, { ...filter, limit: 20 }));
    expect(plan, JSON.stringify([principal, filter])).not.toMatch(WHOLE_TABLE);
  }
  const { id } = await database.read(({ db }) =>
    db.selectFrom('orders').select('id').limit(1).executeTakeFirstOrThrow(),
  );
  expect(await planOf(database, (db) => orders.find({ db, afterCommit }, SERVICE, id))).not.toMatch(WHOLE_TABLE);

  const unindexed = await planOf(database, (db) =>
    db.selectFrom('orders').where('note', '=', 'x').selectAll().execute(),
  );
  expect(unindexed).toMatch(WHOLE_TABLE);
});

/** The plan of the statement that a function executes, as JSON. */
async function planOf(database: Database, read: (db: Kysely<Tables>) => Promise<unknown>): Promise<string> {
  return database.read(async ({ db }) => {
    let statement: CompiledQuery | undefined;
    const recording = db.withPlugin({
      transformQuery: ({ node, queryId }) => {
        statement = db.getExecutor().compileQuery(node, queryId);
        return node;
      },
      transformResult: ({ result }) => Promise.resolve(result),
    });
    await read(recording);
    const { sql = '', parameters = [] } = statement ?? {};
    const { rows } = await db.executeQuery(CompiledQuery.raw(`${EXPLAIN} ${sql}`, [...parameters]));
    return JSON.stringify(rows, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  });
}

async function insertOrders(database: Database, from: number, count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, index) => {
    const number = from + index;
    const created_at = new Date(moment.getTime() + (number - ORDERS / 2) * 60_000);
    return {
      id: newId(),
      owner: `user ${number % 50}`,
      reference: `A-${number}`,
      currency: 'EUR',
      status: ORDER_STATUSES[number % ORDER_STATUSES.length] ?? 'placed',
      note: null,
      created_at,
      updated_at: created_at,
      version: 1,
    };
  });
  const lines = rows.map(({ id }) => ({ order_id: id, position: 0, sku: 'tea', quantity: 1, unit_price: 45_000n }));
  await database.transaction(async ({ db }) => {
    await db.insertInto('orders').values(rows).execute();
    await db.insertInto('order_lines').values(lines).execute();
  });
}

function afterCommit(): never {
  throw new Error('a read has no commit');
}
