import { expect, test } from 'vitest';

import { newId } from '../../src/clock.ts';
import { orderData } from '../../src/orders/personal-data.ts';
import { findOrder, listOrders } from '../../src/orders/repository.ts';
import { seedOrders } from '../../src/orders/seed.ts';
import { amendOrder, placeOrder } from '../../src/orders/service.ts';
import { type Principal, SERVICE } from '../../src/permissions.ts';
import { openDatabase } from '../services.ts';
import { newOrder } from './orders.ts';

const mine: Principal = { subject: newId(), roles: ['member'] };
const other: Principal = { subject: newId(), roles: ['member'] };

test('a member sees its own orders, and an admin all', async () => {
  const database = await openDatabase();
  const { id } = await database.transaction((session) => placeOrder(session, mine, newOrder()));
  const count = async (principal: Principal): Promise<number> =>
    (await database.read((session) => listOrders(session, principal, { limit: 10 }))).rows.length;

  expect([await count(mine), await count(other), await count(SERVICE)]).toEqual([1, 0, 1]);
  const found = database.read((session) => findOrder(session, other, id));
  await expect(found).rejects.toMatchObject({ code: 'not_found' });
});

test('an admin may change the order of a member', async () => {
  const database = await openDatabase();
  const amended = await database.transaction(async (session) => {
    const { id } = await placeOrder(session, mine, newOrder());
    return amendOrder(session, SERVICE, id, { note: 'checked' }, undefined);
  });
  expect(amended).toMatchObject({ owner: mine.subject, note: 'checked', version: 2 });
});

test('example data is stored once', async () => {
  const database = await openDatabase();
  expect(await seedOrders(database, SERVICE)).toBe('Placed 25 orders');
  expect(await seedOrders(database, SERVICE)).toBe('The orders exist already');
});

test('the orders of a user are exported and erased, and no others', async () => {
  const database = await openDatabase();
  const reference = 'mine';
  await database.transaction(async (session) => {
    await placeOrder(session, mine, newOrder({ reference }));
    await placeOrder(session, other, newOrder());
  });
  const exported = async (): Promise<unknown[]> => {
    const orders = [];
    for await (const order of orderData.export?.(database, mine.subject) ?? []) orders.push(order);
    return orders;
  };

  expect(await exported()).toMatchObject([{ reference }]);
  await database.transaction((session) => orderData.erase(session, mine.subject));
  expect(await exported()).toEqual([]);
  const left = await database.read((session) => listOrders(session, SERVICE, { limit: 10 }));
  expect(left.rows).toHaveLength(1);
});
