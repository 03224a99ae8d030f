import { expect, test } from 'vitest';

import { newId, now } from '../../src/clock.ts';
import type { Database } from '../../src/database.ts';
import { SERVICE } from '../../src/permissions.ts';
import { openDatabase } from '../services.ts';
import { ordersOn } from './ordering.ts';
import { newOrder } from './orders.ts';

const line = { position: 7, sku: 'tea', quantity: 1, unit_price: 1n };

test('the database refuses a line without an order', async () => {
  const database = await openDatabase();
  await expect(insertLine(database, { ...line, order_id: newId() })).rejects.toThrow(/foreign key/i);
});

test.each([{ quantity: 0 }, { quantity: 1001 }, { unit_price: -1n }])('the database refuses %o', async (changes) => {
  const database = await openDatabase();
  const { id } = await database.transaction((session) => ordersOn(database).place(session, SERVICE, newOrder()));
  await expect(insertLine(database, { ...line, order_id: id, ...changes })).rejects.toThrow(/CHECK|ck_order_lines_/);
});

test('a transaction that fails half way leaves nothing', async () => {
  const database = await openDatabase();
  const failing = database.transaction(async (session) => {
    await ordersOn(database).place(session, SERVICE, newOrder());
    throw new Error('half way');
  });
  await expect(failing).rejects.toThrow('half way');
  const left = await database.read(({ db }) => db.selectFrom('orders').selectAll().execute());
  expect(left).toEqual([]);
});

test('times and amounts come back as they were stored', async () => {
  const database = await openDatabase();
  const before = now();
  const lines = [{ sku: 'gold', quantity: 1000, unit_price: '99999999999.9999' }];
  await database.transaction((session) => ordersOn(database).place(session, SERVICE, newOrder({ lines })));
  const [row] = await database.read(({ db }) =>
    db.selectFrom('orders').innerJoin('order_lines', 'order_id', 'id').select(['created_at', 'unit_price']).execute(),
  );
  expect(row?.unit_price).toBe(999_999_999_999_999n);
  expect(row?.created_at.getTime()).toBeGreaterThanOrEqual(before.getTime());
});

function insertLine(database: Database, values: typeof line & { order_id: string }) {
  return database.transaction(({ db }) => db.insertInto('order_lines').values(values).execute());
}
