import { Readable } from 'node:stream';
import { gunzipSync } from 'node:zlib';

import { expect, test } from 'vitest';

import { startApp } from '../services.ts';

test('a stream is compressed while it is written', async () => {
  const app = await startApp();
  app.get('/api/v1/stream', { config: { permission: 'authenticated' } }, (_request, reply) =>
    reply.type('text/plain').send(Readable.from(['one ', 'two'])),
  );
  const streamed = await app.inject({ url: '/api/v1/stream', headers: { 'accept-encoding': 'gzip' } });
  expect(streamed.headers['content-encoding']).toBe('gzip');
  expect(String(gunzipSync(streamed.rawPayload))).toBe('one two');
});

test('a request that is answered during the shutdown closes its connection', async () => {
  const app = await startApp();
  app.get('/api/v1/drain', { config: { permission: 'authenticated' } }, () => {
    app.drain();
    return 'x';
  });
  expect((await app.inject('/api/v1/drain')).headers['connection']).toBe('close');
});

test('a deprecated route says what replaces it', async () => {
  const app = await startApp();
  const deprecated = { since: new Date('2027-01-01'), sunset: new Date('2027-07-01'), successor: '/api/v2/new' };
  const schema = { operationId: 'old' };
  app.get('/api/v1/old', { schema, config: { permission: 'authenticated', deprecated } }, () => 'x');
  expect((await app.inject('/api/v1/old')).headers).toMatchObject({
    deprecation: '@1798761600',
    sunset: 'Thu, 01 Jul 2027 00:00:00 GMT',
    link: '</api/v2/new>; rel="successor-version"',
  });
  const document = (await app.inject('/openapi.json')).json<{ paths: Record<string, object> }>();
  expect(document.paths['/api/v1/old']).toMatchObject({ get: { deprecated: true } });
});

test('a route without a permission stops the start', async () => {
  const app = await startApp();
  expect(() => app.get('/secret', () => 'x')).toThrow('/secret has neither a permission nor is it public');
});
