/** What every resource has in common: pages, versions, idempotency keys, and what it answers in an outage. */

import { expect, test } from 'vitest';

import type { App, Response } from '../app.ts';
import { asStranger } from '../callers.ts';
import { NOWHERE } from '../databases.ts';
import { testSettings } from '../services.ts';
import { createWithItems, startWithItems } from './items-app.ts';
import { ITEMS } from './items.ts';

const OTHER = { name: 'cup', parts: [] };
const TEA = { name: 'tea', parts: [{ sku: 'tea', quantity: 2, unit_price: '4.50' }] };

test('a list is walked by its Link, and each item is on one page', async () => {
  const app = await startWithItems();
  const found: string[] = [];
  let url: string | undefined = `${ITEMS}?limit=2&created_after=2020-01-01T00:00:00Z`;
  while (url !== undefined) {
    const response: Response = await app.inject(url);
    found.push(...response.json<{ data: { name: string }[] }>().data.map(({ name }) => name));
    url = /<([^>]*)>; rel="next"/.exec(String(response.headers['link']))?.[1];
  }
  expect(found).toEqual(['tea 5', 'tea 4', 'tea 3', 'tea 2', 'tea 1']);
});

test('the last page has no next one', async () => {
  const app = await startWithItems();
  const response = await app.inject(ITEMS);
  expect(response.headers['link']).toBeUndefined();
  expect(response.json()).toMatchObject({ meta: { limit: 20, next_cursor: null } });
});

test.each([
  ['limit=0', 'invalid_parameter'],
  ['limit=101', 'invalid_parameter'],
  ['limit=1.5', 'invalid_parameter'],
  ['colour=red', 'invalid_parameter'],
  ['created_after=2026-02-30T00:00:00Z', 'invalid_parameter'],
  ['created_after=2026-01-01T23:59:60Z', 'invalid_parameter'],
  ['created_after=yesterday', 'invalid_parameter'],
  ['cursor=nonsense', 'invalid_cursor'],
  ['cursor=MjAyNg', 'invalid_cursor'],
])('the query %s is refused with %s', async (query, code) => {
  const app = await startWithItems();
  expect((await app.inject(`${ITEMS}?${query}`)).json()).toMatchObject({ status: 400, code });
});

test.each(['', 'nonsense', '0198f5a0-0000-7000-8000-000000000009'])('there is no item %j', async (id) => {
  const app = await startWithItems();
  expect((await app.inject(`${ITEMS}/${id}`)).json()).toMatchObject({ status: 404, code: 'not_found' });
});

test('the caller that has the current version gets 304', async () => {
  const app = await startWithItems();
  const url = await urlOfFirst(app);
  for (const tag of ['"1"', 'W/"1"', '"other", "1"', '*']) {
    const response = await app.inject({ url, headers: { 'if-none-match': tag } });
    expect([response.statusCode, response.body, response.headers['etag']]).toEqual([304, '', '"1"']);
  }
  expect((await app.inject({ url, headers: { 'if-none-match': '"2"' } })).statusCode).toBe(200);
  expect((await app.inject(url)).headers['etag']).toBe('"1"');
});

test.each([
  [undefined, 428, 'precondition_required'],
  ['"2"', 412, 'precondition_failed'],
  ['W/"1"', 412, 'precondition_failed'],
])('with If-Match %s, a change is refused', async (ifMatch, status, code) => {
  const app = await startWithItems();
  expect((await rename(app, ifMatch)).json()).toMatchObject({ status, code });
});

test.each(['"1"', '"7", "1"', '*'])('with If-Match %s, a change gives the new version', async (ifMatch) => {
  const app = await startWithItems();
  const response = await rename(app, ifMatch);
  expect([response.statusCode, response.headers['etag']]).toEqual([200, '"2"']);
  expect(response.json()).toMatchObject({ name: 'green' });
});

test('a repeated create gets the first response', async () => {
  const app = await startWithItems();
  const first = await create(app, TEA, 'k');
  expect([first.statusCode, first.headers['idempotent-replayed']]).toEqual([201, undefined]);

  const repeated = await create(app, TEA, 'k');
  expect(repeated.headers['idempotent-replayed']).toBe('true');
  expect([repeated.body, repeated.headers['location'], repeated.headers['etag']]).toEqual([
    first.body,
    first.headers['location'],
    first.headers['etag'],
  ]);
  expect((await create(app, OTHER, 'k')).json()).toMatchObject({ status: 422, code: 'idempotency_key_reused' });
  expect((await create(app, OTHER)).headers['idempotent-replayed']).toBeUndefined();
});

test('of creates that are repeated at the same time, one has an effect', async () => {
  const app = await startWithItems();
  const answers = await Promise.all(Array.from({ length: 5 }, () => create(app, TEA, 'k')));
  for (const { statusCode, headers } of answers) {
    // The first one may still run: that depends on the database.
    if (statusCode === 409) expect(headers['retry-after']).toBe('1');
    else expect(statusCode).toBe(201);
  }
  const effects = answers.filter(
    ({ statusCode, headers }) => statusCode === 201 && headers['idempotent-replayed'] === undefined,
  );
  expect(effects).toHaveLength(1);
});

test.each(['', 'tab\tinside', 'k'.repeat(256)])('the idempotency key %j is refused', async (key) => {
  const app = await startWithItems();
  expect((await create(app, TEA, key)).json()).toMatchObject({ status: 400, code: 'invalid_parameter' });
});

test('a database that does not answer gives 503', async () => {
  const app = await createWithItems(await testSettings({ DATABASE_URL: NOWHERE }));
  const response = await (await asStranger(app)).inject(ITEMS);
  expect(response.json()).toMatchObject({ status: 503, code: 'unavailable' });
  expect(response.headers['retry-after']).toBe('1');
  await app.close();
});

test.each([
  ['/api/v1/items', 'post', ['400', '408', '409', '413', '415', '422', '429', '500', '503']],
  ['/api/v1/items', 'get', ['400', '429', '500', '503']],
  ['/api/v1/items/{item_id}', 'get', ['400', '404', '429', '500', '503']],
  ['/api/v1/items/{item_id}', 'patch', ['404', '412', '428']],
])('the API document tells how %s may refuse %s', async (path, method, statuses) => {
  const app = await startWithItems();
  const document = (await app.inject('/openapi.json')).json<{ paths: Record<string, Record<string, Operation>> }>();
  const operation = document.paths[path]?.[method];
  expect(Object.keys(operation?.responses ?? {})).toEqual(expect.arrayContaining(statuses));
  const required = operation?.parameters?.filter((parameter) => parameter.required).map(({ name }) => name);
  expect(required?.includes('if-match') ?? false).toBe(method === 'patch');
});

interface Operation {
  responses: object;
  parameters?: { name: string; required?: boolean }[];
}

async function urlOfFirst(app: App): Promise<string> {
  const [first] = (await app.inject(`${ITEMS}?limit=1`)).json<{ data: { id: string }[] }>().data;
  return `${ITEMS}/${first?.id}`;
}

async function rename(app: App, ifMatch: string | undefined): Promise<Response> {
  const headers = ifMatch === undefined ? {} : { 'if-match': ifMatch };
  return app.inject({ method: 'PATCH', url: await urlOfFirst(app), payload: { name: 'green' }, headers });
}

function create(app: App, payload: object, key?: string): Promise<Response> {
  const headers = key === undefined ? {} : { 'idempotency-key': key };
  return app.inject({ method: 'POST', url: ITEMS, payload, headers });
}
