import { Readable } from 'node:stream';

import { expect, test } from 'vitest';

import { Cache } from '../../src/cache.ts';
import type { Rate } from '../../src/config/service.ts';
import { callerOf } from '../../src/context.ts';
import { ServiceError } from '../../src/errors.ts';
import { Load } from '../../src/web/load.ts';
import { problemHeaders } from '../../src/web/problem-document.ts';
import { RateLimiter } from '../../src/web/rate-limiter.ts';
import { testSettings } from '../services.ts';

const context = { requestId: 'r', address: '192.0.2.1', traceparent: '' };
const ada = { ...context, principal: { subject: 'ada', roles: ['member' as const] } };

test('a user has one limit at every address, and others one for each address', () => {
  expect(callerOf(ada)).toBe(callerOf({ ...ada, address: '192.0.2.2' }));
  expect(callerOf(context)).not.toBe(callerOf({ ...context, address: '192.0.2.2' }));
});

test('a route with its own limit counts by address, beside the limit of the caller', async () => {
  const limiter = new RateLimiter(new Cache(), perDay(9), { '/login': perDay(1) });
  expect(await limiter.count('/login', ada)).toMatchObject({ 'ratelimit-limit': '1' });
  await expect(limiter.count('/login', context)).rejects.toMatchObject({ code: 'rate_limited' });
  expect(await limiter.count('/other', ada)).toMatchObject({ 'ratelimit-remaining': '8' });
});

test('the bodies that are received together are limited', async () => {
  const load = new Load(await testSettings({ MAX_BODY_BYTES: '10', MAX_UPLOAD_BYTES: '10' }));
  const waiting = new Readable({ read: () => undefined });
  load.enter();
  const first = load.receive(waiting, 10);
  waiting.push('12345678');
  await expect.poll(() => waiting.readableLength).toBe(0);

  load.enter();
  await expect(load.receive(Readable.from([Buffer.from('123')]), 3)).rejects.toMatchObject({ code: 'overloaded' });
  waiting.push(null);
  expect(String(await first)).toBe('12345678');
});

test('a body that breaks off is refused', async () => {
  const load = new Load(await testSettings());
  const body = new Readable({ read: () => undefined });
  load.enter();
  const received = load.receive(body, 10);
  body.destroy(new Error('connection lost'));
  await expect(received).rejects.toMatchObject({ code: 'request_timeout' });
});

test.each([
  ['unauthenticated', true, 'Bearer error="invalid_token"'],
  ['unauthenticated', false, 'Bearer'],
  ['invalid_credentials', true, 'Bearer'],
] as const)('the challenge of %s, with credentials: %s', (code, hasCredentials, challenge) => {
  expect(problemHeaders(new ServiceError(code), hasCredentials)).toMatchObject({ 'www-authenticate': challenge });
});

function perDay(limit: number): Rate {
  return { limit, seconds: 86_400 };
}
