import { expect, test } from 'vitest';

import { asAdmin, asMember } from '../callers.ts';
import { startAnonymousApp } from '../services.ts';
import { ORDERS, place } from './orders.ts';

test('the order of another owner is not found, and an admin sees all', async () => {
  const app = await startAnonymousApp();
  const [admin, ada] = [await asAdmin(app), await asMember(app)];
  const order = await place(ada);
  const stranger = await asMember(app);
  const headers = { 'if-match': '*' };
  for (const [method, suffix] of [
    ['GET', ''],
    ['PATCH', ''],
    ['POST', '/cancellation'],
  ] as const) {
    const url = `${ORDERS}/${order.id}${suffix}`;
    const payload = method === 'PATCH' ? { note: 'mine' } : undefined;
    const response = await stranger.inject({ method, url, headers, ...(payload && { payload }) });
    expect(response.json(), method).toMatchObject({ status: 404, code: 'not_found' });
  }
  expect((await stranger.inject(ORDERS)).json()).toMatchObject({ data: [] });
  expect((await admin.inject(ORDERS)).json()).toMatchObject({ data: [order] });
});

test('references and idempotency keys of two owners are independent', async () => {
  const app = await startAnonymousApp();
  const ada = await asMember(app);
  const mine = await place(ada);
  const theirs = await place(await asMember(app), { reference: mine.reference });
  expect(theirs.id).not.toBe(mine.id);
});
