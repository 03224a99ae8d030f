import { connect } from 'node:net';
import { text } from 'node:stream/consumers';

import { expect, test } from 'vitest';

import { type App, listen } from '../app.ts';
import { adminHeaders } from '../callers.ts';
import { startAnonymousApp, startApp } from '../services.ts';
import { startWithItems } from './items-app.ts';
import { ITEMS } from './items.ts';

const JSON_TYPE = { 'content-type': 'application/json' };

test('every answer has the security headers and a request id', async () => {
  const app = await startWithItems();
  for (const url of ['/livez', '/nowhere', ITEMS, `${ITEMS}/%ff`]) {
    const { headers } = await app.inject({ url, headers: { 'x-request-id': 'mine' } });
    expect(headers).toMatchObject({
      'x-request-id': 'mine',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'cache-control': 'no-store',
    });
    expect(headers['strict-transport-security']).toBeUndefined();
  }
});

test('an invalid request id is replaced', async () => {
  const app = await startApp();
  const { headers } = await app.inject({ url: '/livez', headers: { 'x-request-id': 'two words' } });
  expect(headers['x-request-id']).toMatch(/^[0-9a-f]{32}$/);
});

test('in production, browsers are told to use HTTPS', async () => {
  const app = await startApp({ APP_ENV: 'production' });
  expect((await app.inject('/livez')).headers['strict-transport-security']).toContain('max-age=');
  expect((await app.inject('/openapi.json')).statusCode).toBe(404);
  expect((await app.inject('/metrics')).statusCode).toBe(404);
});

test('a method that a path lacks is refused with the ones that it has', async () => {
  const app = await startWithItems();
  const response = await app.inject({ method: 'PUT', url: ITEMS });
  expect(response.json()).toMatchObject({ status: 405, code: 'method_not_allowed' });
  expect(response.headers['allow']).toBe('GET, HEAD, POST');
});

test('a body for an unknown route is not received', async () => {
  const app = await startWithItems();
  const post = (url: string) =>
    app.inject({ method: 'POST', url, payload: '{', headers: { 'content-type': 'text/plain' } });
  expect((await post('/nowhere')).statusCode).toBe(404);
  expect((await post('/livez')).statusCode).toBe(405);
  expect((await app.inject({ method: 'QUERY' as 'GET', url: ITEMS })).statusCode).toBe(405);
});

test('HEAD answers like GET, without a body', async () => {
  const app = await startWithItems();
  const response = await app.inject({ method: 'HEAD', url: ITEMS });
  expect([response.statusCode, response.body]).toEqual([200, '']);
});

test.each([
  [{ 'content-type': 'text/plain' }, '{}', 415, 'unsupported_media_type'],
  [{ 'content-type': 'application/merge-patch+json' }, '{}', 415, 'unsupported_media_type'],
  [{ 'content-type': 'nonsense' }, '{}', 415, 'unsupported_media_type'],
  [JSON_TYPE, '{', 400, 'malformed_json'],
  [JSON_TYPE, Buffer.from('{"note": "\xff"}', 'latin1'), 400, 'malformed_json'],
  [JSON_TYPE, '{"note": "\\ud800"}', 400, 'malformed_json'],
  [JSON_TYPE, '{"note": "\\ud83c\\udf75"}', 422, 'validation_failed'],
  [JSON_TYPE, '', 422, 'validation_failed'],
  [JSON_TYPE, 'null', 422, 'validation_failed'],
  [JSON_TYPE, ' '.repeat(2000), 413, 'payload_too_large'],
])('the body of case %# is refused', async (headers, payload, status, code) => {
  const app = await startWithItems({ MAX_BODY_BYTES: '1000' });
  const response = await app.inject({ method: 'POST', url: ITEMS, payload, headers });
  expect(response.headers['content-type']).toBe('application/problem+json');
  expect(response.json()).toMatchObject({ status, code, instance: ITEMS });
  expect(response.headers['connection']).not.toBe('close');
});

test('every invalid field is named by a JSON pointer', async () => {
  const app = await startWithItems();
  const parts = [{ sku: '', quantity: '2', unit_price: 2, 'a/b': 1 }];
  const payload = { note: 'a\0b', parts };
  const response = await app.inject({ method: 'POST', url: ITEMS, payload });
  const { errors } = response.json<{ errors: { pointer: string }[] }>();
  const pointers = new Set(errors.map((error) => error.pointer));
  expect(pointers).toEqual(
    new Set(['/name', '/note', '/parts/0/sku', '/parts/0/quantity', '/parts/0/unit_price', '/parts/0/a~1b']),
  );
});

test('of a large body, only the first error is reported', async () => {
  const app = await startWithItems();
  const parts = Array.from({ length: 5000 }, () => ({ sku: '', quantity: 1, unit_price: '1' }));
  const payload = { name: 'tea', parts };
  const response = await app.inject({ method: 'POST', url: ITEMS, payload });
  expect(response.json()).toMatchObject({ status: 422, detail: '1 field is not valid' });
});

test('a body over 1 KiB is compressed for clients that accept it', async () => {
  const app = await startWithItems();
  const read = (encoding: string) => app.inject({ url: ITEMS, headers: { 'accept-encoding': encoding } });

  expect((await read('gzip')).headers['content-encoding']).toBe('gzip');
  expect((await read('gzip;q=0')).headers['content-encoding']).toBeUndefined();
  expect((await read('identity')).headers['content-encoding']).toBeUndefined();
});

test('a caller over its limit is refused until the window ends', async () => {
  const app = await startWithItems({ RATE_LIMIT_DEFAULT: '2/day' });
  await app.inject(ITEMS);
  const last = await app.inject(ITEMS);
  expect(last.headers).toMatchObject({ 'ratelimit-limit': '2', 'ratelimit-remaining': '0' });

  const refused = await app.inject({ url: ITEMS, headers: { 'x-forwarded-for': '203.0.113.9' } });
  expect(refused.json()).toMatchObject({ status: 429, code: 'rate_limited' });
  expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0);
  expect((await app.inject('/livez')).statusCode).toBe(200);
});

test('the address behind a trusted proxy has its own limit', async () => {
  const app = await startAnonymousApp({ RATE_LIMIT_DEFAULT: '1/day', TRUSTED_PROXIES: '127.0.0.0/8' });
  const from = async (address: string) =>
    (await app.inject({ url: '/problems/conflict', headers: { 'x-forwarded-for': address } })).statusCode;
  expect([await from('203.0.113.9'), await from('203.0.113.9'), await from('203.0.113.8')]).toEqual([200, 429, 200]);
});

test('only allowed hosts are served, and probes at any', async () => {
  const app = await startWithItems({ ALLOWED_HOSTS: 'shop.example.com,*.internal' });
  const at = async (host: string, url = ITEMS) => (await app.inject({ url, headers: { host } })).statusCode;
  expect(await at('shop.example.com:8000')).toBe(200);
  expect(await at('a.internal')).toBe(200);
  expect(await at('evil.example.com')).toBe(400);
  expect(await at('10.0.0.1', '/livez')).toBe(200);
});

test('only configured origins may read answers', async () => {
  const app = await startWithItems({ CORS_ORIGINS: 'https://app.example.com' });
  const from = async (origin: string) => app.inject({ url: ITEMS, headers: { origin } });
  expect((await from('https://app.example.com')).headers).toMatchObject({
    'access-control-allow-origin': 'https://app.example.com',
    vary: expect.stringMatching(/origin/i) as unknown,
  });
  expect((await from('https://evil.example')).headers['access-control-allow-origin']).toBeUndefined();

  const preflight = await app.inject({
    method: 'OPTIONS',
    url: ITEMS,
    headers: { origin: 'https://app.example.com', 'access-control-request-method': 'POST' },
  });
  expect(preflight.statusCode).toBe(204);
  expect(preflight.headers['access-control-allow-headers']).toContain('Idempotency-Key');
});

test('requests beyond MAX_CONCURRENCY are refused at once', async () => {
  const app = await startWithItems({ MAX_CONCURRENCY: '1' });
  const answers = await Promise.all([app.inject(ITEMS), app.inject(ITEMS)]);
  expect(new Set(answers.map((answer) => answer.statusCode))).toEqual(new Set([200, 503]));
  expect((await app.inject(ITEMS)).statusCode).toBe(200);
});

test('a body that takes too long is refused, and its connection is closed', async () => {
  const app = await startWithItems({ BODY_TIMEOUT_SECONDS: '0.05' });
  const answer = await beginUpload(app, await adminHeaders(app));
  expect(answer).toMatch(/^HTTP\/1.1 408 /);
  expect(answer).toMatch(/connection: close/i);
  expect(answer).toContain('"code":"request_timeout"');
});

test('uploads are limited in number, and do not count as requests in flight', async () => {
  const app = await startWithItems({ MAX_UPLOADS: '1', MAX_CONCURRENCY: '1', BODY_TIMEOUT_SECONDS: '3' });
  const slow = beginUpload(app, await adminHeaders(app));
  // That of the metrics, and the one that waits for its body.
  await expect.poll(async () => (await app.inject('/metrics')).body).toContain('http_server_requests_in_flight 2');
  await expect.poll(async () => (await app.inject(ITEMS)).statusCode).toBe(200);
  expect((await app.inject({ method: 'POST', url: ITEMS, payload: { name: 'tea', parts: [] } })).statusCode).toBe(503);
  expect(await slow).toContain('"code":"request_timeout"');
});

test('what is not HTTP is answered with a problem', async () => {
  const app = await startApp();
  const answer = await exchange(app, ['nonsense', '', '']);
  expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
  expect(answer).toContain('application/problem+json');
});

test('an unexpected error reveals nothing but the request id', async () => {
  const app = await startWithItems();
  app.database.read = () => Promise.reject(new Error('select * from secrets'));
  const response = await app.inject(ITEMS);
  expect(response.json()).toMatchObject({ status: 500, code: 'internal_error' });
  expect(response.body).not.toContain('secrets');
});

/** Send a part of a request with a body. Returns all that the service answers. */
function beginUpload(app: App, caller: Record<string, string>): Promise<string> {
  const headers = { host: 'localhost', ...caller, 'content-type': 'application/json', 'content-length': '9' };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`);
  return exchange(app, [`POST ${ITEMS} HTTP/1.1`, ...lines, '', '{']);
}

/** Send lines over a connection of its own. Returns all that the service answers. */
async function exchange(app: App, lines: string[]): Promise<string> {
  const socket = connect(await listen(app), '127.0.0.1');
  socket.write(lines.join('\r\n'));
  return text(socket);
}
