import { gunzipSync } from 'node:zlib';

import { expect, test, vi } from 'vitest';

import type { AuditEntry } from '../../src/auth/audit.ts';
import { asAdmin, asMember } from '../callers.ts';
import { startAnonymousApp } from '../services.ts';
import { tablesWith } from '../tables.ts';
import { amend, cancel, newOrder, ORDERS, place } from './orders.ts';

const ME = '/api/v1/users/me';

test('an export holds the orders of the account', async () => {
  const app = await startAnonymousApp();
  const ada = await asMember(app);
  await place(await asMember(app));
  const placed = [];
  for (let count = 0; count < 102; count += 1) placed.unshift(await place(ada));
  const response = await ada.inject(`${ME}/export`);
  const { orders } = response.json<{ data: { orders: { id: string }[] } }>().data;
  expect(orders.map(({ id }) => id).toSorted()).toEqual(placed.map(({ id }) => id).toSorted());
  expect(orders).toContainEqual(placed[0]);

  const compressed = await ada.inject({ url: `${ME}/export`, headers: { 'accept-encoding': 'gzip' } });
  expect(compressed.headers['content-encoding']).toBe('gzip');
  expect(gunzipSync(compressed.rawPayload).toString()).toBe(response.body);
});

test('an export that fails is cut, and never ends like a whole one', async () => {
  const app = await startAnonymousApp();
  const ada = await asMember(app);
  await place(ada);
  const read = app.database.read.bind(app.database);
  await ada.inject(ME);
  // The account is read first, then the orders.
  vi.spyOn(app.database, 'read').mockImplementationOnce(read).mockRejectedValueOnce(new Error('gone'));
  await expect(ada.inject(`${ME}/export`)).rejects.toThrow();
});

test('what an admin does to the order of another is recorded, and what owners do is not', async () => {
  const app = await startAnonymousApp();
  const [admin, member] = [await asAdmin(app), await asMember(app)];
  const [order, other] = [await place(member), await place(member)];
  await cancel(member, other.id);
  await amend(admin, order.id, { note: 'Checked' }, '*');
  await cancel(admin, order.id);
  await admin.inject({ method: 'DELETE', url: `${ORDERS}/${order.id}` });

  const found = (await admin.inject('/api/v1/audit-log')).json<{ data: AuditEntry[] }>().data;
  const actions = found.map(({ action }) => action);
  expect(new Set(actions)).toEqual(new Set(['order.deleted', 'order.cancelled', 'order.amended']));
  expect(new Set(found.map(({ subject }) => subject))).toEqual(new Set([order.id]));
  const cancelled = found.find(({ action }) => action === 'order.cancelled');
  expect(cancelled).toMatchObject({ before: { status: 'placed' }, after: { status: 'cancelled' } });
});

test('erasure leaves no personal data of orders in any table, and the orders of others', async () => {
  const app = await startAnonymousApp();
  const [admin, ada, other] = [await asAdmin(app), await asMember(app), await asMember(app)];
  const theirs = await place(other);
  const [note, reference] = ['Ring at the house of Ada', 'ADA-1815'];
  const payload = newOrder({ note, reference });
  const order = await ada.inject({ method: 'POST', url: ORDERS, payload, headers: { 'idempotency-key': 'k' } });
  const deleted = await place(ada, { note });
  await amend(admin, order.json<{ id: string }>().id, { note: 'Checked' }, '*');
  await admin.inject({ method: 'DELETE', url: `${ORDERS}/${deleted.id}` });
  const used = ['orders', 'idempotency_keys', 'audit_log'];
  expect(await tablesWith(app.database, [note, reference])).toEqual(expect.arrayContaining(used));

  expect((await ada.inject({ method: 'DELETE', url: ME })).statusCode).toBe(204);

  expect(await tablesWith(app.database, [note, reference])).toEqual([]);
  expect((await other.inject(ORDERS)).json()).toMatchObject({ data: [theirs] });
});
