import { once } from 'node:events';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';

import express from 'express';
import supertest from 'supertest';
import { expect, test } from 'vitest';

import { SERVICE } from '../../src/permissions.ts';
import { authorize } from '../../src/web/access.ts';
import { handleError } from '../../src/web/errors.ts';
import { documentOf } from '../../src/web/openapi.ts';
import { operation } from '../../src/web/operation.ts';
import { createRouter, routesOf } from '../../src/web/routes.ts';
import { closeServer, createServer } from '../../src/web/server.ts';
import type { App } from '../app.ts';
import { adminHeaders } from '../callers.ts';
import { startAnonymousApp, startApp, testSettings } from '../services.ts';
import { startWithItems } from './items-app.ts';
import { ITEMS } from './items.ts';

const JSON_TYPE = { 'content-type': 'application/json' };
const ITEM = { name: 'tea', parts: [] };

test('every answer has the security headers and a request id', async () => {
  const { http } = await startWithItems();
  for (const url of ['/livez', '/nowhere', ITEMS, `${ITEMS}/%ff`]) {
    const { headers } = await http.get(url).set('x-request-id', 'mine');
    expect(headers).toMatchObject({
      'x-request-id': 'mine',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
      'cache-control': 'no-store',
    });
    expect(Object.keys(headers as object)).not.toContain('strict-transport-security');
    expect(Object.keys(headers as object)).not.toContain('x-powered-by');
  }
});

test('an invalid request id is replaced', async () => {
  const { http } = await startApp();
  await http
    .get('/livez')
    .set('x-request-id', 'two words')
    .expect('x-request-id', /^[0-9a-f]{32}$/);
});

test('in production, browsers are told to use HTTPS', async () => {
  const { http } = await startApp({ APP_ENV: 'production' });
  await http.get('/livez').expect('strict-transport-security', /max-age=/);
  await http.get('/openapi.json').expect(404);
  await http.get('/docs').expect(404);
  await http.get('/metrics').expect(404);
});

test('a method that a path lacks is refused with the ones that it has', async () => {
  const { http } = await startWithItems();
  for (const method of ['put', 'options'] as const) {
    const { body } = await http[method](ITEMS).expect(405).expect('allow', 'GET, HEAD, POST');
    expect(body).toMatchObject({ status: 405, code: 'method_not_allowed' });
  }
});

test('a path is taken as it is written, but for needless escapes', async () => {
  const { http } = await startWithItems();
  await http.get('/api/v1/%69tems').expect(200);
  for (const path of [`${ITEMS}/`, '/API/v1/items', '/livez/', '/']) await http.get(path).expect(404);
});

test('a body for an unknown route is not received', async () => {
  const app = await startWithItems();
  const post = (url: string) => app.http.post(url).set('content-type', 'text/plain').send('{');
  await post('/nowhere').expect(404);
  await post('/livez').expect(405);
  expect((await app.inject({ method: 'QUERY', url: ITEMS })).statusCode).toBe(405);
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
});

test('every invalid field is named by a JSON pointer', async () => {
  const { http } = await startWithItems();
  const parts = [{ sku: '', quantity: '2', unit_price: 2, 'a/b': 1 }];
  const { body } = await http.post(ITEMS).send({ note: 'a\0b', parts }).expect(422);
  expect(pointersOf(body)).toEqual(
    new Set(['/name', '/note', '/parts/0/sku', '/parts/0/quantity', '/parts/0/unit_price', '/parts/0/a~1b']),
  );
});

test('the length of a text is counted in characters', async () => {
  const app = await startWithItems();
  await app.http
    .post(ITEMS)
    .send({ ...ITEM, note: '🍵'.repeat(500) })
    .expect(201);
  const { body } = await app.http.post(ITEMS).send({ ...ITEM, note: '🍵'.repeat(501) });
  expect(body).toMatchObject({ status: 422, errors: [{ pointer: '/note', code: 'too_big' }] });
});

test('a response names a limited number of errors', async () => {
  const { http } = await startWithItems();
  const unknown = Object.fromEntries(Array.from({ length: 1000 }, (_, number) => [`field_${number}`, 1]));
  const { body } = await http.post(ITEMS).send({ ...ITEM, ...unknown });
  expect(pointersOf(body).size).toBe(100);
  const parts = Array.from({ length: 5000 }, () => ({}));
  const { body: another } = await http.post(ITEMS).send({ ...ITEM, parts });
  expect(another).toMatchObject({ detail: '1 field is not valid', errors: [{ pointer: '/parts' }] });
});

test('a body over 1 KiB is compressed for clients that accept it', async () => {
  const app = await startWithItems();
  const encodingFor = async (accepted: string) =>
    (await app.http.get(ITEMS).set('accept-encoding', accepted)).get('content-encoding');

  expect(await encodingFor('gzip')).toBe('gzip');
  expect(await encodingFor('gzip;q=0')).toBeUndefined();
  expect(await encodingFor('identity')).toBeUndefined();
});

test('a caller over its limit is refused until the window ends', async () => {
  const { http } = await startWithItems({ RATE_LIMIT_DEFAULT: '2/day' });
  await http.get(ITEMS);
  await http.get(ITEMS).expect('ratelimit-limit', '2').expect('ratelimit-remaining', '0');

  const refused = await http.get(ITEMS).set('x-forwarded-for', '203.0.113.9').expect(429);
  expect(refused.body).toMatchObject({ status: 429, code: 'rate_limited' });
  expect(Number(refused.get('retry-after'))).toBeGreaterThan(0);
  await http.get('/livez').expect(200);
});

test('the address behind a trusted proxy has its own limit', async () => {
  const { http } = await startAnonymousApp({ RATE_LIMIT_DEFAULT: '1/day', TRUSTED_PROXIES: '127.0.0.0/8' });
  const from = (address: string) => http.get('/problems/conflict').set('x-forwarded-for', address);
  await from('203.0.113.9').expect(200);
  await from('203.0.113.9').expect(429);
  await from('203.0.113.8').expect(200);
});

test('only allowed hosts are served, and probes at any', async () => {
  const { http } = await startWithItems({ ALLOWED_HOSTS: 'shop.example.com,*.internal' });
  const at = (host: string, url = ITEMS) => http.get(url).set('host', host);
  await at('shop.example.com:8000').expect(200);
  await at('a.internal').expect(200);
  await at('evil.example.com').expect(400);
  await at('10.0.0.1', '/livez').expect(200);
});

test('only configured origins may read answers', async () => {
  const { http } = await startWithItems({ CORS_ORIGINS: 'https://app.example.com' });
  const from = (origin: string) => http.get(ITEMS).set('origin', origin);
  await from('https://app.example.com')
    .expect('access-control-allow-origin', 'https://app.example.com')
    .expect('access-control-expose-headers', /ETag/)
    .expect('vary', /origin/i);
  expect((await from('https://evil.example')).get('access-control-allow-origin')).toBeUndefined();

  await http
    .options(ITEMS)
    .set({ origin: 'https://app.example.com', 'access-control-request-method': 'POST' })
    .expect(204)
    .expect('access-control-allow-headers', /Idempotency-Key/);
  await http.options(ITEMS).set('origin', 'https://app.example.com').expect(405);
});

test('requests beyond MAX_CONCURRENCY are refused at once', async () => {
  const app = await startWithItems({ MAX_CONCURRENCY: '1' });
  await app.http.get(ITEMS).expect(200);
  const [reading, gate] = [Promise.withResolvers<void>(), Promise.withResolvers<never>()];
  const read = app.database.read.bind(app.database);
  app.database.read = () => {
    reading.resolve();
    return gate.promise;
  };
  const first = app.inject(ITEMS);
  await reading.promise;
  await app.http.get(ITEMS).expect(503).expect('retry-after', '1');
  app.database.read = read;
  gate.reject(new Error('ends the first one'));
  expect((await first).statusCode).toBe(500);
  await app.http.get(ITEMS).expect(200);
});

test('a body that takes too long is refused, and its connection is closed', async () => {
  const app = await startWithItems({ BODY_TIMEOUT_SECONDS: '0.05' });
  const answer = await beginUpload(app, await adminHeaders(app));
  expect(answer).toMatch(/^HTTP\/1.1 408 /);
  expect(answer).toMatch(/connection: close/i);
  expect(answer).toContain('"code":"request_timeout"');
});

test('uploads are limited in number, and do not count as requests in flight', async () => {
  const app = await startWithItems({ MAX_UPLOADS: '1', MAX_CONCURRENCY: '1', BODY_TIMEOUT_SECONDS: '1' });
  const slow = beginUpload(app, await adminHeaders(app));
  // That of the metrics, and the one that waits for its body.
  await expect.poll(async () => (await app.inject('/metrics')).body).toContain('http_server_requests_in_flight 2');
  await expect.poll(async () => (await app.inject(ITEMS)).statusCode).toBe(200);
  await app.http.post(ITEMS).send(ITEM).expect(503);
  expect(await slow).toContain('"code":"request_timeout"');
});

test('what is not HTTP is answered with a problem', async () => {
  const app = await startApp();
  const answer = await exchange(app, ['nonsense', '', '']);
  expect(answer).toMatch(/^HTTP\/1.1 400 Bad Request\r\n/);
  expect(answer).toContain('application/problem+json');
});

test('a request that does not arrive in time is answered with a problem', async () => {
  const app = await startApp();
  // A request gets 10 seconds more than its body.
  const server = createServer(app.express, { ...(await testSettings()), bodyTimeoutSeconds: 0.1 - 10 });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const answer = await exchange({ server }, ['GET /livez HTTP/1.1', 'host: localh']);
  expect(answer).toMatch(/^HTTP\/1.1 408 Request Timeout\r\n/);
  expect(answer).toContain('"code":"request_timeout"');
  await closeServer(server);
});

test('a connection that is reset does no harm', async () => {
  const app = await startApp();
  const seen = once(app.server, 'clientError');
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  socket.on('error', () => undefined).write('GET /livez HT', () => socket.resetAndDestroy());
  await seen;
  await app.http.get('/livez').expect(200);
});

test('an unexpected error reveals nothing but the request id', async () => {
  const app = await startWithItems();
  app.database.read = () => Promise.reject(new Error('select * from secrets'));
  const response = await app.http.get(ITEMS).expect(500);
  expect(response.body).toMatchObject({ status: 500, code: 'internal_error' });
  expect(response.text).not.toContain('secrets');
});

test('the page of the API document starts Swagger UI', async () => {
  const { http } = await startAnonymousApp();
  const { text: page } = await http.get('/docs').expect('content-security-policy', /default-src 'self'/);
  const scripts = [...page.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, path = '']) => path);
  expect(scripts).toHaveLength(4);
  for (const path of scripts) await http.get(path).expect(200);
  await http.get('/docs/start.js').expect(/openapi\.json/);
});

test('a request without a body or a length is no different', async () => {
  const app = await startWithItems();
  const caller = await adminHeaders(app);
  const post = (...lines: string[]) => exchange(app, [`POST ${ITEMS} HTTP/1.1`, ...lines]);
  const headers = Object.entries({ host: 'localhost', connection: 'close', ...caller }).map((each) => each.join(': '));
  expect(await post(...headers, '', '')).toMatch(/^HTTP\/1.1 422 /);
  const chunked = ['content-type: application/json', 'transfer-encoding: chunked', '', '2', '{}', '0', '', ''];
  expect(await post(...headers, ...chunked)).toMatch(/^HTTP\/1.1 422 /);
});

test('a request that names no host is served only if all hosts are', async () => {
  const app = await startApp({ ALLOWED_HOSTS: 'shop.example.com' });
  expect(await exchange(app, ['GET /problems/conflict HTTP/1.0', '', ''])).toMatch(/^HTTP\/1.1 400 /);
});

test('a request whose client goes away is counted without a status', async () => {
  const app = await startWithItems();
  const lines = Object.entries({ host: 'localhost', ...(await adminHeaders(app)) }).map((each) => each.join(': '));
  const body = ['content-type: application/json', 'content-length: 9', '', '{'];
  const socket = connect((app.server.address() as AddressInfo).port, '127.0.0.1');
  socket.write([`POST ${ITEMS} HTTP/1.1`, ...lines, ...body].join('\r\n'), () => socket.destroy());
  await expect.poll(async () => (await app.inject('/metrics')).body).toMatch(/method="POST",route="[^"]*",status="0"/);
});

test('a response that fails in the middle is cut', async () => {
  const failing = express()
    .get('/', async (_req, res) => {
      await new Promise((sent) => void res.write('the first part', sent));
      throw new Error('the second part is lost');
    })
    .use(handleError);
  await expect(supertest(failing).get('/')).rejects.toThrow('aborted');
});

test('the server waits for the requests in flight before it is closed', async () => {
  const app = await startWithItems();
  const slow = beginUpload(app, await adminHeaders(app), '}');
  await expect.poll(async () => (await app.inject('/metrics')).body).toContain('http_server_requests_in_flight 2');
  app.drain();
  await closeServer(app.server);
  expect(await slow).toMatch(/^HTTP\/1.1 422 .*connection: close/is);
});

test('an operation is refused without a principal, or without its permission', () => {
  const context = { requestId: '', address: '', traceparent: '' };
  const request = { context, principal: SERVICE };
  expect(() => authorize(request, 'authenticated')).toThrow('unauthenticated');
  const member = { ...request, context: { ...context, principal: { subject: 'ada', roles: ['member'] as const } } };
  expect(() => authorize(member, 'users:manage')).toThrow('This needs the permission users:manage');
  authorize(member, 'authenticated');
  expect(member.principal.subject).toBe('ada');
});

test('a deprecated route says what replaces it', async () => {
  const deprecated = { since: new Date('2027-01-01'), sunset: new Date('2027-07-01'), successor: '/api/v2/new' };
  const router = createRouter().get('/', operation({ ...EXAMPLE, deprecated }), (_req, res) => void res.end());
  await supertest(express().use('/api/v1/old', router))
    .get('/api/v1/old')
    .expect('deprecation', '@1798761600')
    .expect('sunset', 'Thu, 01 Jul 2027 00:00:00 GMT')
    .expect('link', '</api/v2/new>; rel="successor-version"');
  const routes = [{ method: 'get', template: '/api/v1/old', operation: { ...EXAMPLE, deprecated } }];
  expect(documentOf(routes)).toMatchObject({ paths: { '/api/v1/old': { get: { deprecated: true } } } });
});

test('a route without a permission stops the start, and so does one without an operation', () => {
  const open = createRouter().get('/secret', operation(EXAMPLE), (_req, res) => void res.end());
  expect(() => routesOf({ '/': open })).toThrow('/secret has neither a permission nor is it public');
  const bare = createRouter().get('/secret', (_req, res) => void res.end());
  expect(() => routesOf({ '/api': bare })).toThrow('GET /api/secret has no operation');
});

const EXAMPLE = {
  operationId: 'example',
  summary: 'An example',
  description: 'An example of a route.',
  tags: [],
  responses: { 204: 'Nothing.' },
};

function pointersOf(body: unknown): Set<string> {
  return new Set((body as { errors: { pointer: string }[] }).errors.map((error) => error.pointer));
}

/** Send a part of a request with a body, and the rest later, if there is one. Returns all that the service answers. */
function beginUpload(app: App, caller: Record<string, string>, rest?: string): Promise<string> {
  const length = rest === undefined ? '9' : String(1 + rest.length);
  const headers = { host: 'localhost', ...caller, 'content-type': 'application/json', 'content-length': length };
  const lines = Object.entries(headers).map((each) => each.join(': '));
  return exchange(app, [`POST ${ITEMS} HTTP/1.1`, ...lines, '', '{'], rest);
}

/** Send lines over a connection of its own. Returns all that the service answers. */
async function exchange({ server }: Pick<App, 'server'>, lines: string[], rest?: string): Promise<string> {
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write(lines.join('\r\n'));
  if (rest !== undefined) setTimeout(() => socket.write(rest), 500);
  return text(socket);
}
