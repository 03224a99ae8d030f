import { expect, test } from 'vitest';

import { Cache } from '../src/cache.ts';
import { newId } from '../src/clock.ts';
import { runInContext } from '../src/context.ts';
import { configureLogs, createLog, readable } from '../src/logs.ts';
import { formatMoney, parseMoney } from '../src/money.ts';
import { may } from '../src/permissions.ts';

test.each([
  ['0', '0.00'],
  ['4.5', '4.50'],
  ['12.50', '12.50'],
  ['0.0125', '0.0125'],
  ['0.120', '0.12'],
  ['99999999999.9999', '99999999999.9999'],
])('the amount %s is written as %s', (decimal, written) => {
  expect(formatMoney(parseMoney(decimal))).toBe(written);
});

test('each id is greater than those before it, also within a millisecond', () => {
  const ids = Array.from({ length: 10_000 }, newId);
  expect(ids).toEqual(ids.toSorted());
  expect(new Set(ids).size).toBe(ids.length);
});

test('roles have the permissions of the table', () => {
  expect(may({ subject: 'u', roles: ['admin'] }, 'users:manage')).toBe(true);
  expect(may({ subject: 'u', roles: ['member'] }, 'users:manage')).toBe(false);
  expect(may({ subject: 'u', roles: [] }, 'users:read')).toBe(false);
});

test('counters count by key, and in windows', async () => {
  const cache = new Cache();
  await cache.increment('a', 86_400);
  expect(await cache.increment('a', 86_400)).toMatchObject({ count: 2 });
  expect(await cache.increment('b', 86_400)).toMatchObject({ count: 1 });
});

test('log lines name the request, and no secrets', () => {
  const lines: string[] = [];
  const log = createLog({ write: (line) => void lines.push(line) });
  const context = {
    requestId: 'r1',
    address: '',
    traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
    principal: { subject: 'u1', roles: [] },
  };
  runInContext(context, () => log.warn({ headers: [{ Authorization: 'x' }], password: 'y', n: 1 }, 'hello'));
  const line = JSON.parse(lines[0] ?? '') as object;
  expect(line).toMatchObject({
    level: 'warning',
    event: 'hello',
    request_id: 'r1',
    trace_id: '0af7651916cd43dd8448eb211c80319c',
    principal: 'u1',
    headers: [{ Authorization: '[redacted]' }],
    password: '[redacted]',
    n: 1,
  });
});

test('log lines can be read in a terminal', () => {
  const line = {
    timestamp: 't',
    level: 'error',
    event: 'failed',
    error: { stack: 'Error: x\n    at y' },
    n: 1,
    s: 'a b',
  };
  expect(readable(JSON.stringify(line))).toBe('t [error] failed n=1 s=a b\nError: x\n    at y\n');
  configureLogs({ logLevel: 'warning', logFormat: 'json' });
});
