import { expect, test } from 'vitest';

import { newId } from '../../src/clock.ts';
import { seedOrders } from '../../src/orders/seed.ts';
import { type Principal, SERVICE } from '../../src/permissions.ts';
import { openDatabase } from '../services.ts';
import { ordersOn } from './ordering.ts';
import { newOrder } from './orders.ts';

const mine: Principal = { subject: newId(), roles: ['member'] };
const other: Principal = { subject: newId(), roles: ['member'] };

test('a member sees its own orders, and an admin all', async () => {
  const database = await openDatabase();
  const orders = ordersOn(database);
  const { id } = await database.transaction((session) => orders.place(session, mine, newOrder()));
  const count = async (principal: Principal): Promise<number> =>
    (await orders.list(principal, { limit: 10 })).rows.length;

  expect([await count(mine), await count(other), await count(SERVICE)]).toEqual([1, 0, 1]);
  await expect(orders.find(other, id)).rejects.toMatchObject({ code: 'not_found' });
});

test('an admin may change the order of a member', async () => {
  const database = await openDatabase();
  const orders = ordersOn(database);
  const { id } = await database.transaction((session) => orders.place(session, mine, newOrder()));
  const amended = await orders.amend(SERVICE, id, { note: 'checked' }, undefined);
  expect(amended).toMatchObject({ owner: mine.subject, note: 'checked', version: 2 });
});

test('example data is stored once', async () => {
  const database = await openDatabase();
  expect(await seedOrders(database, SERVICE)).toBe('Placed 25 orders');
  expect(await seedOrders(database, SERVICE)).toBe('The orders exist already');
});
