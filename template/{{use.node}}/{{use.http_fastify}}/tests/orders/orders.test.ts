import { expect, test } from 'vitest';

import type { OrderCreate, OrderRead } from '../../src/orders/schemas.ts';
import type { App, Response } from '../app.ts';
import { startApp } from '../services.ts';
import { amend, cancel, get, newOrder, ORDERS, place } from './orders.ts';

interface Page {
  data: OrderRead[];
  meta: { limit: number; next_cursor: string | null };
}

test('an order is created with its total, and found at its Location', async () => {
  const app = await startApp();
  const lines = [
    { sku: 'tea', quantity: 3, unit_price: '0.10' },
    { sku: 'cup', quantity: 1, unit_price: '0.0125' },
  ];
  const created = await app.inject({ method: 'POST', url: ORDERS, payload: newOrder({ lines, note: 'Ring twice' }) });

  expect(created.statusCode).toBe(201);
  expect(created.headers['etag']).toBe('"1"');
  expect(created.json()).toMatchObject({ status: 'placed', total: '0.3125', note: 'Ring twice', lines: [{}, {}] });
  const found = await app.inject(String(created.headers['location']));
  expect(found.json()).toEqual(created.json());
});

test('a reference is unique', async () => {
  const app = await startApp();
  const { reference } = await place(app);
  const other = await place(app);

  const created = await app.inject({ method: 'POST', url: ORDERS, payload: newOrder({ reference }) });
  expect(created.json()).toMatchObject({ status: 409, code: 'conflict' });
  const amended = await amend(app, other.id, { reference }, '"1"');
  expect(amended.json()).toMatchObject({ status: 409, code: 'conflict' });
});

test('a patch changes what it names, and the version', async () => {
  const app = await startApp();
  const order = await place(app, { note: 'before' });

  const amended = await amend(app, order.id, { note: null }, '"1"');
  expect(amended.statusCode).toBe(200);
  expect(amended.headers['etag']).toBe('"2"');
  expect(amended.json()).toMatchObject({ note: null, reference: order.reference });
  expect((await get(app, order.id)).json()).toEqual(amended.json());
});

test('of two changes of one version, the second is refused', async () => {
  const app = await startApp();
  const { id } = await place(app);

  const answers = await Promise.all([amend(app, id, { note: 'a' }, '"1"'), amend(app, id, { note: 'b' }, '"1"')]);
  expect(new Set(answers.map((answer) => answer.statusCode))).toEqual(new Set([200, 412]));
  expect((await amend(app, id, { note: 'c' })).json()).toMatchObject({ status: 428, code: 'precondition_required' });
  expect((await amend(app, id, { note: 'c' }, '*')).statusCode).toBe(200);
});

test('a cancelled order cannot be changed', async () => {
  const app = await startApp();
  const { id } = await place(app);

  expect((await cancel(app, id)).json()).toMatchObject({ status: 'cancelled' });
  expect((await cancel(app, id)).json()).toMatchObject({ status: 409, code: 'invalid_state' });
  expect((await amend(app, id, { note: 'late' }, '*')).json()).toMatchObject({ status: 409, code: 'invalid_state' });
});

test('a deleted order is gone, with its lines', async () => {
  const app = await startApp();
  const { id } = await place(app);

  expect((await app.inject({ method: 'DELETE', url: `${ORDERS}/${id}` })).statusCode).toBe(204);
  expect((await get(app, id)).json()).toMatchObject({ status: 404, code: 'not_found' });
  const lines = await app.database.read(({ db }) => db.selectFrom('order_lines').selectAll().execute());
  expect(lines).toEqual([]);
});

test('a list is walked by its Link, and each order is on one page', async () => {
  const app = await startApp();
  const placed = [];
  for (let count = 0; count < 5; count += 1) placed.push((await place(app)).id);

  const found: string[] = [];
  let url: string | undefined = `${ORDERS}?limit=2`;
  while (url !== undefined) {
    const response: Response = await app.inject(url);
    found.push(...response.json<Page>().data.map((order) => order.id));
    url = /<([^>]*)>; rel="next"/.exec(String(response.headers['link']))?.[1];
  }
  expect(found.toSorted()).toEqual(placed.toSorted());
});

test('a list is filtered by status, reference and time', async () => {
  const app = await startApp();
  const order = await place(app);
  await place(app);
  await cancel(app, order.id);
  const find = async (query: string): Promise<number> =>
    (await app.inject(`${ORDERS}?${query}`)).json<Page>().data.length;

  expect(await find('status=cancelled')).toBe(1);
  expect(await find('status=confirmed')).toBe(0);
  expect(await find(`reference=${order.reference}`)).toBe(1);
  expect(await find('created_after=2020-01-01T00:00:00Z')).toBe(2);
  expect(await find('created_before=2020-01-01T00:00:00Z')).toBe(0);
});

test('creates that are repeated at the same time have one effect', async () => {
  const app = await startApp();
  const payload = newOrder();
  const all = await Promise.all(Array.from({ length: 5 }, () => createWithKey(app, payload)));
  for (const { statusCode, headers } of all) {
    // The first one may still run: that depends on the database.
    if (statusCode === 409) expect(headers['retry-after']).toBe('1');
    else expect(statusCode).toBe(201);
  }
  expect(
    all.filter((each) => each.statusCode === 201 && each.headers['idempotent-replayed'] === undefined),
  ).toHaveLength(1);
  expect((await app.inject(ORDERS)).json<{ data: unknown[] }>().data).toHaveLength(1);
});

test('a failed create leaves nothing', async () => {
  const app = await startApp();
  const { reference } = await place(app);
  const headers = { 'idempotency-key': 'k' };
  await app.inject({ method: 'POST', url: ORDERS, payload: newOrder({ reference }), headers });

  const stored = await app.database.read(({ db }) => db.selectFrom('idempotency_keys').selectAll().execute());
  expect(stored).toEqual([]);
});

function createWithKey(app: App, payload: OrderCreate): Promise<Response> {
  return app.inject({ method: 'POST', url: ORDERS, payload, headers: { 'idempotency-key': 'k' } });
}
