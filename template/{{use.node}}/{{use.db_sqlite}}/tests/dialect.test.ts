import { writeFileSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

import { sql } from 'kysely';
import { expect, test } from 'vitest';

import { readSettings } from '../src/config/index.ts';
import { Database } from '../src/database.ts';
import { isMisconfigured, isOutage, isRetryable, lacksTable } from '../src/dialect.ts';
import { migrateUp } from '../src/migrate.ts';
import { openDatabase, testSettings } from './services.ts';

test('transactions take turns, and a wait for one is bounded', async () => {
  const database = await openDatabase({ DATABASE_ACQUIRE_TIMEOUT_SECONDS: '0.05' });
  const gate = Promise.withResolvers<void>();
  const first = database.transaction(() => gate.promise);
  const failure = await database.transaction(() => Promise.resolve()).catch((error: unknown) => error);
  expect(isOutage(failure)).toBe(true);
  expect(database.connections()).toEqual({ in_use: 1, idle: 1 });
  gate.resolve();
  await first;
  await database.transaction(() => Promise.resolve());
  expect(database.connections()).toEqual({ in_use: 0, idle: 2 });
});

test('a write waits for the write of another process', async () => {
  const settings = await testSettings({ DATABASE_BUSY_TIMEOUT_SECONDS: '0.2' });
  await migrateUp(settings);
  const database = new Database(settings);
  const other = new DatabaseSync(settings.databaseFile);
  other.exec('begin immediate');
  const failure = await database.transaction(() => Promise.resolve()).catch((error: unknown) => error);
  expect(isOutage(failure)).toBe(true);

  const waiting = database.transaction(() => Promise.resolve());
  other.exec('commit');
  await waiting;
  other.close();
  await database.close();
});

test('a slow read blocks nothing else, and the wait for it is bounded', async () => {
  const database = await openDatabase({ DATABASE_BUSY_TIMEOUT_SECONDS: '0.1' });
  const counting = sql`
    with recursive n (i) as (select 1 union all select i + 1 from n where i < 5000000) select max(i) from n`;
  const failure = await database.read(({ db }) => counting.execute(db)).catch((error: unknown) => error);
  expect(isOutage(failure)).toBe(true);
});

test('DATABASE_URL names a file', () => {
  expect(readSettings({}).databaseFile).toBe('app.db');
  for (const url of ['sqlite:', 'sqlite::memory:', 'postgresql://localhost/app']) {
    expect(() => readSettings({ DATABASE_URL: url })).toThrow('DATABASE_URL: ');
  }
});

test('failures are told apart', async () => {
  const database = await openDatabase();
  const missing = await database
    .read(({ db }) => sql`select * from absent`.execute(db))
    .catch((error: unknown) => error);
  expect([lacksTable(missing), isOutage(missing), isMisconfigured(missing)]).toEqual([true, false, false]);
  expect(isRetryable(missing)).toBe(false);

  const settings = await testSettings();
  writeFileSync(settings.databaseFile, 'this is no database, but it is long enough to have a header of one'.repeat(20));
  const wrong = new Database(settings);
  const failure = await wrong.ping().catch((error: unknown) => error);
  expect([isMisconfigured(failure), isOutage(failure)]).toEqual([true, false]);
  await wrong.close();
});
