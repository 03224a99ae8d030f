/** Workers in processes of their own, which are killed. */

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

import { sql } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';

import type { Database } from '../../src/database.ts';
import { emptyDatabase } from '../databases.ts';
import { openDatabase } from '../services.ts';
import { eventually, send, sendTo, waiting } from './messages.ts';

test('the events of a subject are handled once and in order, though workers are killed', async () => {
  const { database, variables } = await databaseWithNotes();
  const subjects = Array.from({ length: 400 }, (_, number) => `cup-${number % 8}`);
  await sendTo(database, subjects);
  const start = (): Promise<ChildProcess> =>
    startWorker({ ...variables, QUEUE_LEASE_SECONDS: '1', QUEUE_POLL_SECONDS: '0.1', QUEUE_BATCH_SIZE: '10' });
  const workers = await Promise.all([start(), start()]);
  for (let kills = 0; kills < 3; kills += 1) {
    await sleep(300);
    workers[kills % 2]?.kill('SIGKILL');
    workers[kills % 2] = await start();
  }
  const notes = await eventually(
    () => notesOf(database),
    (found) => found.length >= subjects.length,
  );
  expect(await waiting(database)).toEqual([]);
  expect(notes).toHaveLength(subjects.length);
  for (const subject of new Set(subjects)) {
    const numbers = notes.filter((note) => note.subject === subject).map(({ number }) => number);
    const sent = subjects.flatMap((each, number) => (each === subject ? [number] : []));
    expect(numbers, subject).toEqual(sent);
  }
});

test('a message that kills its worker becomes a dead letter after some tries, and delays no other subject', async () => {
  const { database, variables } = await databaseWithNotes();
  await sendTo(database, ['cup', 'poison', 'saucer']);
  const limits = { ...variables, QUEUE_LEASE_SECONDS: '1', QUEUE_POLL_SECONDS: '0.1', QUEUE_MAX_ATTEMPTS: '2' };
  for (let deaths = 0; deaths < 2; deaths += 1) {
    const worker = await startWorker(limits);
    if (worker.signalCode === null) await once(worker, 'exit');
  }
  await startWorker(limits);
  await eventually(
    () => waiting(database),
    ([message]) => message?.state === 'dead',
  );
  expect(await waiting(database)).toMatchObject([
    { subject: 'poison', last_error: 'Error: the worker process died while handling this message' },
  ]);
  expect((await notesOf(database)).map(({ subject }) => subject).toSorted()).toEqual(['cup', 'saucer']);
});

test('SIGTERM in the middle of a batch ends the worker within the grace period, and the rest is given back', async () => {
  const { database, variables } = await databaseWithNotes();
  await send(database, 20);
  const worker = await startWorker({ ...variables, HANDLER_MS: '100', SHUTDOWN_GRACE_SECONDS: '5' });
  await eventually(
    () => notesOf(database),
    (notes) => notes.length > 0,
  );
  worker.kill('SIGTERM');
  await once(worker, 'exit');
  expect(worker.exitCode).toBe(0);
  const left = await waiting(database);
  expect(left.length + (await notesOf(database)).length).toBe(20);
  expect(left.length).toBeGreaterThan(10);
  expect(left.every(({ lease, attempts }) => lease === null && attempts === 0)).toBe(true);
});

async function databaseWithNotes() {
  const variables = await emptyDatabase();
  const database = await openDatabase(variables);
  await database.transaction(({ db }) =>
    sql`create table notes (subject varchar(255), place integer, number integer, primary key (subject, place))`.execute(
      db,
    ),
  );
  return { database, variables };
}

function notesOf(database: Database): Promise<{ subject: string; number: number }[]> {
  return database.read(async ({ db }) => {
    const { rows } = await sql<{ subject: string; number: number }>`select * from notes order by place`.execute(db);
    return rows;
  });
}

async function startWorker(variables: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const env = { PATH: process.env['PATH'], APP_ENV: 'test', ...variables };
  const worker = spawn(process.execPath, ['tests/messaging/noting-worker.ts'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void worker.kill('SIGKILL'));
  await once(worker.stdout, 'data');
  worker.stdout.resume();
  return worker;
}
