import type { Response } from 'supertest';
import { expect, test } from 'vitest';

import type { OrderCreate, OrderRead } from '../../src/orders/schemas.ts';
import type { App } from '../app.ts';
import { startApp } from '../services.ts';
import { amend, cancel, get, newOrder, ORDERS, place } from './orders.ts';

test('an order is created with its total, and found at its Location', async () => {
  const { http } = await startApp();
  const lines = [
    { sku: 'tea', quantity: 3, unit_price: '0.10' },
    { sku: 'cup', quantity: 1, unit_price: '0.0125' },
  ];
  const created = await http
    .post(ORDERS)
    .send(newOrder({ lines, note: 'Ring twice' }))
    .expect(201)
    .expect('etag', '"1"');

  expect(created.body).toMatchObject({ status: 'placed', total: '0.3125', note: 'Ring twice', lines: [{}, {}] });
  await http.get(created.get('location') ?? '').expect(200, created.body);
});

test('a reference is unique', async () => {
  const app = await startApp();
  const { reference } = await place(app);
  const other = await place(app);

  const created = await app.http.post(ORDERS).send(newOrder({ reference }));
  expect(created.body).toMatchObject({ status: 409, code: 'conflict' });
  const amended = await amend(app, other.id, { reference }, '"1"');
  expect(amended.json()).toMatchObject({ status: 409, code: 'conflict' });
});

test('a patch changes what it names, and the version', async () => {
  const app = await startApp();
  const order = await place(app, { note: 'before' });

  const amended = await app.http
    .patch(`${ORDERS}/${order.id}`)
    .set('if-match', '"1"')
    .send({ note: null })
    .expect(200)
    .expect('etag', '"2"');
  expect(amended.body).toMatchObject({ note: null, reference: order.reference });
  await app.http.get(`${ORDERS}/${order.id}`).expect(200, amended.body);
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

  await app.http.delete(`${ORDERS}/${id}`).expect(204);
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
    const response: Response = await app.http.get(url).expect(200);
    found.push(...(response.body as { data: OrderRead[] }).data.map((order) => order.id));
    url = response.links['next'];
  }
  expect(found.toSorted()).toEqual(placed.toSorted());
});

test('a list is filtered by status, reference and time', async () => {
  const app = await startApp();
  const order = await place(app);
  await place(app);
  await cancel(app, order.id);
  const find = async (query: Record<string, string>): Promise<number> =>
    ((await app.http.get(ORDERS).query(query).expect(200)).body as { data: OrderRead[] }).data.length;

  expect(await find({ status: 'cancelled' })).toBe(1);
  expect(await find({ status: 'confirmed' })).toBe(0);
  expect(await find({ reference: order.reference })).toBe(1);
  expect(await find({ created_after: '2020-01-01T00:00:00Z' })).toBe(2);
  expect(await find({ created_before: '2020-01-01T00:00:00Z' })).toBe(0);
});

test('creates that are repeated at the same time have one effect', async () => {
  const app = await startApp();
  const order = newOrder();
  const answers = await Promise.all(Array.from({ length: 5 }, () => createWithKey(app, order)));
  for (const answer of answers) {
    // The first one may still run: that depends on the database.
    if (answer.status === 409) expect(answer.get('retry-after')).toBe('1');
    else expect(answer.status).toBe(201);
  }
  const created = answers.filter((each) => each.status === 201 && each.get('idempotent-replayed') === undefined);
  expect(created).toHaveLength(1);
  const { body } = await app.http.get(ORDERS);
  expect((body as { data: OrderRead[] }).data).toHaveLength(1);
});

test('a failed create leaves nothing', async () => {
  const app = await startApp();
  const { reference } = await place(app);
  await createWithKey(app, newOrder({ reference })).expect(409);

  const stored = await app.database.read(({ db }) => db.selectFrom('idempotency_keys').selectAll().execute());
  expect(stored).toEqual([]);
});

function createWithKey({ http }: App, order: OrderCreate) {
  return http.post(ORDERS).set('idempotency-key', 'k').send(order);
}
