import { expect, test } from 'vitest';

import type { Envelope } from '../../src/messaging/events.ts';
import { confirmOrders } from '../../src/orders/handlers.ts';
import { HANDLERS } from '../../src/subscriptions.ts';
import type { App } from '../app.ts';
import { waiting } from '../messaging/messages.ts';
import { startApp } from '../services.ts';
import { get, newOrder, ORDERS, place } from './orders.ts';

test('the event of a placed order has what the response has', async () => {
  const app = await startApp();
  const placed = await place(app, { lines: [{ sku: 'tea', quantity: 2, unit_price: '12.5525' }] });
  const { subject, data } = await eventOf(app);
  const { reference, currency, total } = placed;
  expect(subject).toBe(placed.id);
  expect(data).toEqual({ reference, currency, total });
  expect(total).toBe('25.105');
});

test('the event of a placed order has the id and the trace of the request', async () => {
  const app = await startApp();
  const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
  const headers = { 'x-request-id': 'r1', traceparent };
  await app.inject({ method: 'POST', url: ORDERS, payload: newOrder(), headers });
  expect(await waiting(app.database)).toMatchObject([{ request_id: 'r1', traceparent }]);
});

test('placed orders are confirmed', async () => {
  const app = await startApp();
  const orders = [await place(app), await place(app)];
  await work(app);
  for (const { id } of orders) {
    expect((await get(app, id)).json()).toMatchObject({ status: 'confirmed' });
  }
});

test('a cancelled order stays cancelled', async () => {
  const app = await startApp();
  const { id } = await place(app);
  await app.inject({ method: 'POST', url: `${ORDERS}/${id}/cancellation` });
  await work(app);
  expect((await get(app, id)).json()).toMatchObject({ status: 'cancelled' });
});

test('confirming an order twice changes it once', async () => {
  const app = await startApp();
  const { id } = await place(app);
  const event = { ...(await eventOf(app)), owner: '' };
  for (let time = 1; time <= 2; time += 1) {
    await app.database.transaction((session) => confirmOrders(session, [event]));
  }
  expect((await get(app, id)).headers['etag']).toBe('"2"');
});

test('a request that is repeated with its idempotency key publishes one event', async () => {
  const app = await startApp();
  const headers = { 'idempotency-key': 'k' };
  const request = { method: 'POST' as const, url: ORDERS, payload: newOrder(), headers };
  await app.inject(request);
  await app.inject(request);
  expect(await waiting(app.database)).toHaveLength(1);
});

function work({ queue }: App): Promise<number> {
  return queue.handleBatch(HANDLERS, new AbortController().signal);
}

async function eventOf({ database }: App): Promise<Envelope> {
  const [message] = await waiting(database);
  return JSON.parse(message?.event ?? '') as Envelope;
}
