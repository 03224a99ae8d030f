import { afterEach, expect, test, vi } from 'vitest';

import type { Database } from '../src/database.ts';
import { eraseResponses, findResponse, idempotencyJobs, storeResponse } from '../src/idempotency/index.ts';
import { runIfDue } from '../src/jobs/index.ts';
import { openDatabase } from './services.ts';

const request = { caller: 'user ada', route: 'POST /pots', key: 'k', body: '{}' };
const response = { status: 201, location: '/pots/1', etag: '"1"', body: '{}' };

afterEach(() => void vi.useRealTimers());

test('a response is found for a day, by its caller, route and key', async () => {
  const database = await openDatabase();
  await store(database);
  expect(await find(database, request)).toMatchObject(response);
  for (const change of [{ caller: 'user bob' }, { route: 'POST /users' }, { key: 'other' }]) {
    expect(await find(database, { ...request, ...change })).toBeUndefined();
  }

  vi.useFakeTimers({ now: Date.now() + 25 * 3600 * 1000, toFake: ['Date'] });
  expect(await find(database, request)).toBeUndefined();
  await store(database);
  expect(await find(database, request)).toMatchObject(response);
});

test('responses that have expired are purged', async () => {
  const database = await openDatabase();
  await store(database);
  vi.useFakeTimers({ now: Date.now() + 25 * 3600 * 1000, toFake: ['Date'] });
  for (const job of idempotencyJobs) expect(await runIfDue(database, job)).toBe(true);
  expect(await count(database)).toBe(0);
});

test('the responses to a user are erased, and no others', async () => {
  const database = await openDatabase();
  await store(database);
  await store(database, { ...request, caller: 'user bob' });
  await database.transaction((session) => eraseResponses(session, 'ada'));
  expect(await count(database)).toBe(1);
  expect(await find(database, request)).toBeUndefined();
});

function store(database: Database, stored = request): Promise<void> {
  return database.transaction((session) => storeResponse(session, stored, response));
}

function find(database: Database, wanted: typeof request) {
  return database.transaction((session) => findResponse(session, wanted));
}

async function count(database: Database): Promise<number> {
  return (await database.read(({ db }) => db.selectFrom('idempotency_keys').select('key').execute())).length;
}
