import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { inspect } from 'node:util';

import { sql } from 'kysely';
import { expect, onTestFinished, test } from 'vitest';

import { now } from '../src/clock.ts';
import { DEVELOPMENT_URL } from '../src/config/database-url.ts';
import { readSettings } from '../src/config/index.ts';
import { Database } from '../src/database.ts';
import { isMisconfigured, isOutage, lacksTable } from '../src/dialect.ts';
import { migrateUp } from '../src/migrate.ts';
import { addJob, failureOf, failureWith, jobs, openTwice } from './database-work.ts';
import { emptyDatabase, NOWHERE } from './databases.ts';
import { closeOthers, READ_ONLY } from './dialect.ts';
import { SECRETS } from './secrets.ts';
import { openDatabase, testSettings } from './services.ts';

const PROTOCOL = new URL(DEVELOPMENT_URL).protocol;

test('the wait for a connection is bounded, and reads do not wait for transactions', async () => {
  const database = await openDatabase({ DATABASE_POOL_SIZE: '1', DATABASE_ACQUIRE_TIMEOUT_SECONDS: '0.2' });
  const gate = Promise.withResolvers<void>();
  const first = database.transaction(() => gate.promise);
  expect(isOutage(await failureOf(database.transaction(() => Promise.resolve())))).toBe(true);
  await database.ping();
  expect(database.connections()).toEqual({ in_use: 1, idle: 1 });
  gate.resolve();
  await first;
  await database.transaction(() => Promise.resolve());
  expect(database.connections()).toEqual({ in_use: 0, idle: 2 });
});

test('connections that the server closes while they are idle are replaced', async () => {
  const [database, other] = await openTwice();
  await database.transaction(({ db }) => sql`select 1`.execute(db));
  await database.ping();
  await other.read(closeOthers);
  await expect.poll(() => database.connections()).toEqual({ in_use: 0, idle: 0 });
  await database.ping();
  await database.transaction(({ db }) => sql`select 1`.execute(db));
});

test('a connection that is lost in a transaction is an outage, and is replaced', async () => {
  const [database, other] = await openTwice({ DATABASE_POOL_SIZE: '1' });
  const failure = await failureOf(
    database.transaction(async ({ db }) => {
      await addJob(db, 'lost');
      await other.read(closeOthers);
      await addJob(db, 'never');
    }),
  );
  expect(isOutage(failure)).toBe(true);
  await database.transaction(({ db }) => addJob(db, 'later'));
  expect(await jobs(database)).toEqual(['later']);
});

test('a server that accepts connections and never answers is an outage', async () => {
  const hanging = createServer();
  const port = await portOf(hanging);
  const url = new URL(NOWHERE);
  url.port = String(port);
  const settings = readSettings({ DATABASE_URL: url.href, DATABASE_ACQUIRE_TIMEOUT_SECONDS: '0.2' });
  const database = new Database(settings);
  expect(isOutage(await failureOf(database.ping()))).toBe(true);
  await database.close();
  hanging.close();
});

test('a statement without an answer ends, and its connection is replaced', async () => {
  const { DATABASE_URL } = await emptyDatabase();
  await migrateUp(readSettings({ DATABASE_URL }));
  const url = new URL(DATABASE_URL);
  const address = { host: url.hostname, port: Number(url.port) };
  const sockets: Socket[] = [];
  const proxy = createServer((socket) => {
    const server = connect(address);
    socket
      .on('error', () => undefined)
      .pipe(server.on('error', () => undefined))
      .pipe(socket);
    sockets.push(server);
  });
  url.port = String(await portOf(proxy));
  const settings = readSettings({
    DATABASE_URL: url.href,
    DATABASE_POOL_SIZE: '1',
    DATABASE_STATEMENT_TIMEOUT_SECONDS: '0.2',
  });
  const database = new Database(settings);
  onTestFinished(async () => {
    await database.close();
    proxy.close();
  });

  await database.ping();
  const failure = await failureOf(
    database.transaction(async ({ db }) => {
      await addJob(db, 'lost');
      for (const socket of sockets) socket.unpipe();
      await addJob(db, 'never');
    }),
  );
  expect(isOutage(failure)).toBe(true);
  // The connection for reads was cut, too.
  expect(isOutage(await failureOf(database.ping()))).toBe(true);
  await database.ping();
  await database.transaction(({ db }) => addJob(db, 'later'));
  expect(await jobs(database)).toContain('later');
});

test('a transaction that the server rolls back because of a deadlock runs again', async () => {
  const database = await openDatabase();
  await database.transaction(async ({ db }) => {
    await addJob(db, 'a');
    await addJob(db, 'b');
  });
  let runs = 0;
  const both = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  const touch = async (first: string, second: string): Promise<void> => {
    await database.transaction(async ({ db }) => {
      // This one runs again. It must not take its first row once more before the other one wakes up.
      if (runs === 2) await done.promise;
      await db.updateTable('scheduled_jobs').set({ due_at: now() }).where('name', '=', first).execute();
      runs += 1;
      if (runs === 2) both.resolve();
      await both.promise;
      await db.updateTable('scheduled_jobs').set({ due_at: now() }).where('name', '=', second).execute();
    });
    done.resolve();
  };
  await Promise.all([touch('a', 'b'), touch('b', 'a')]);
  expect(runs).toBe(3);
});

test('an error does not show the values of a row', async () => {
  const database = await openDatabase();
  const job = { name: 'hunter2', due_at: null as unknown as Date };
  const failure = await failureOf(
    database.transaction(({ db }) => db.insertInto('scheduled_jobs').values(job).execute()),
  );
  expect(inspect(failure)).toContain('due_at');
  expect(inspect(failure)).not.toContain('hunter2');
});

test('failures are told apart', async () => {
  const database = await openDatabase();
  const missing = await failureOf(database.read(({ db }) => sql`select * from absent`.execute(db)));
  expect([lacksTable(missing), isOutage(missing), isMisconfigured(missing)]).toEqual([true, false, false]);

  const readOnly = await failureOf(
    database.transaction(async ({ db }) => {
      await READ_ONLY.execute(db);
      await addJob(db, 'x');
    }),
  );
  expect(isOutage(readOnly)).toBe(true);
});

test.each([
  ['pathname', '/unknown'],
  ['username', 'unknown'],
] as const)('a URL with another %s cannot be used', async (part, value) => {
  expect(isMisconfigured(await failureWith({ [part]: value }))).toBe(true);
});

test('a server that does not listen is an outage', async () => {
  const database = new Database(await testSettings({ DATABASE_URL: NOWHERE }));
  expect(isOutage(await failureOf(database.ping()))).toBe(true);
  await database.close();
});

test.each(['sqlite:hunter2.db', `${PROTOCOL}//app:hunter2@/app`, `${PROTOCOL}//app:hunter2@localhost`, 'hunter2'])(
  'the URL %s is refused, and not shown',
  (url) => {
    const { port } = new URL(DEVELOPMENT_URL);
    const refusal = `DATABASE_URL: must read like ${PROTOCOL}//USER:PASSWORD@HOST:${port}/DATABASE`;
    expect(() => readSettings({ DATABASE_URL: url })).toThrow(new Error(refusal));
  },
);

test('production needs a URL', () => {
  expect(() => readSettings({ APP_ENV: 'production' })).toThrow('DATABASE_URL: must be set in production');
  expect(readSettings({ APP_ENV: 'production', ...SECRETS })).toMatchObject({ databasePoolSize: 8 });
});

async function portOf(server: Server): Promise<number> {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return (server.address() as AddressInfo).port;
}
