import { sql } from 'kysely';
import { expect, onTestFinished, test, vi } from 'vitest';

import { now } from '../src/clock.ts';
import { readSettings } from '../src/config/index.ts';
import { Database, type Session } from '../src/database.ts';
import { log } from '../src/logs.ts';
import { migrateUp } from '../src/migrate.ts';
import { emptyDatabase, NOWHERE } from './databases.ts';
import { openDatabase, startApp } from './services.ts';

test('only reads that may be stale go to the replica', async () => {
  const { database } = await openReplicated();
  expect(await database.read(jobs, { staleOk: true })).toEqual(['replica']);
  expect(await database.read(jobs)).toEqual(['primary']);
  expect(await database.transaction(jobs)).toEqual(['primary']);
});

test('the primary answers what the replica cannot, until it can', async () => {
  const { database, replica } = await openReplicated();
  const warn = vi.spyOn(log, 'warn');
  const clock = vi.spyOn(performance, 'now');
  onTestFinished(() => void vi.restoreAllMocks());
  const read = (): Promise<string[]> => database.read(jobs, { staleOk: true });

  await replica.transaction(({ db }) => sql`alter table scheduled_jobs rename to gone`.execute(db));
  expect(await read()).toEqual(['primary']);
  await replica.transaction(({ db }) => sql`alter table gone rename to scheduled_jobs`.execute(db));
  // Not asked again at once.
  expect(await read()).toEqual(['primary']);
  const later = performance.now() + 5000;
  clock.mockReturnValue(later);
  expect(await read()).toEqual(['replica']);
  expect(warn.mock.calls.map((call) => call.at(-1))).toEqual(['replica unavailable', 'replica available again']);
});

test('a statement that is wrong fails', async () => {
  const { database } = await openReplicated();
  const wrong = database.read(({ db }) => sql`select 1 from nowhere`.execute(db), { staleOk: true });
  await expect(wrong).rejects.toThrow('nowhere');
});

test('without the setting there is no replica', async () => {
  const database = await openDatabase();
  expect(database.dependencies).toEqual([]);
  expect(await database.read(jobs, { staleOk: true })).toEqual([]);
});

test('without its replica the service is degraded', async () => {
  const app = await startApp({ DATABASE_REPLICA_URL: NOWHERE });
  const response = await app.inject('/readyz');
  expect([response.statusCode, response.json()]).toMatchObject([
    200,
    { status: 'degraded', checks: { database: { status: 'ok' }, replica: { status: 'unavailable' } } },
  ]);
});

test('a replica is checked', async () => {
  const { DATABASE_URL } = await emptyDatabase();
  await migrateUp(readSettings({ DATABASE_URL }));
  const app = await startApp({ DATABASE_REPLICA_URL: DATABASE_URL });
  expect((await app.inject('/readyz')).json()).toMatchObject({ status: 'ok', checks: { replica: { status: 'ok' } } });
});

test.each(['sqlite:hunter2.db', 'hunter2'])('the URL %s is refused, and not shown', (url) => {
  expect(() => readSettings({ DATABASE_REPLICA_URL: url })).toThrow(
    /^DATABASE_REPLICA_URL: must read like (?!.*hunter2)/,
  );
});

/** A database with a row whose replica has another one. A second database stands in for the replica. */
async function openReplicated(): Promise<{ database: Database; replica: Database }> {
  const [primaryUrl, replicaUrl] = [await emptyDatabase(), await emptyDatabase()].map((each) => each.DATABASE_URL);
  const settings = readSettings({ DATABASE_URL: primaryUrl, DATABASE_REPLICA_URL: replicaUrl });
  const ofReplica = readSettings({ DATABASE_URL: replicaUrl });
  await migrateUp(settings);
  await migrateUp(ofReplica);
  const [database, replica] = [new Database(settings), new Database(ofReplica)];
  onTestFinished(async () => {
    await database.close();
    await replica.close();
  });
  await addJob(database, 'primary');
  await addJob(replica, 'replica');
  return { database, replica };
}

async function addJob(database: Database, name: string): Promise<void> {
  await database.transaction(({ db }) => db.insertInto('scheduled_jobs').values({ name, due_at: now() }).execute());
}

async function jobs({ db }: Session): Promise<string[]> {
  const found = await db.selectFrom('scheduled_jobs').select('name').execute();
  return found.map((job) => job.name);
}
