import { expect, test } from 'vitest';

import { idempotencyJobs, findResponse, storeResponse } from '../src/idempotency/index.ts';
import { type Job, runIfDue, runJobs } from '../src/jobs/index.ts';
import { Queue } from '../src/messaging/index.ts';
import { work } from '../src/worker.ts';
import { openDatabase, testSettings } from './services.ts';

test('a job runs once in a tick, however many workers there are', async () => {
  const database = await openDatabase();
  let runs = 0;
  const job: Job = { name: 'count', everySeconds: 86_400, run: () => Promise.resolve((runs += 1) < 0) };
  const ran = await Promise.all([runIfDue(database, job), runIfDue(database, job)]);
  expect(new Set(ran)).toEqual(new Set([true, false]));
  expect(runs).toBe(1);
});

test('a job that has more to do runs again in the same tick', async () => {
  const database = await openDatabase();
  let left = 3;
  const stopping = new AbortController();
  const job: Job = {
    name: 'batches',
    everySeconds: 86_400,
    run: () => {
      left -= 1;
      if (left === 0) stopping.abort();
      return Promise.resolve(left > 0);
    },
  };
  await runJobs(database, [job], stopping.signal);
  expect(left).toBe(0);
});

test('a job that fails is tried again at the next poll, and leaves nothing', async () => {
  const database = await openDatabase();
  const stopping = new AbortController();
  const job: Job = {
    name: 'failing',
    everySeconds: 86_400,
    run: () => {
      stopping.abort();
      return Promise.reject(new Error('no'));
    },
  };
  await runJobs(database, [job], stopping.signal);
  expect(await database.read(({ db }) => db.selectFrom('scheduled_jobs').selectAll().execute())).toEqual([]);
});

test('expired responses are purged, and no longer replayed', async () => {
  const database = await openDatabase();
  const request = { caller: 'address a', route: 'POST /', key: 'k', body: '{}' };
  const response = { status: 201, location: '/1', etag: '"1"', body: '{}' };
  await database.transaction((session) => storeResponse(session, request, response));
  expect(await database.read((session) => findResponse(session, request))).toMatchObject(response);

  await database.transaction(({ db }) =>
    db
      .updateTable('idempotency_keys')
      .set({ expires_at: new Date(0) })
      .execute(),
  );
  expect(await database.read((session) => findResponse(session, request))).toBeUndefined();
  for (const job of idempotencyJobs) await runIfDue(database, job);
  expect(await database.read(({ db }) => db.selectFrom('idempotency_keys').selectAll().execute())).toEqual([]);
});

test('a worker stops when it is told to', async () => {
  const database = await openDatabase();
  await work(new Queue(await testSettings(), database), database, AbortSignal.timeout(50));
});
