import { sql } from 'kysely';
import { expect, test } from 'vitest';

import type { Session } from '../src/database.ts';
import { isOutage } from '../src/dialect.ts';
import { failureOf, failureWith } from './database-work.ts';
import { openDatabase } from './services.ts';

test('the server cancels a statement that takes too long', async () => {
  const database = await openDatabase({ DATABASE_STATEMENT_TIMEOUT_SECONDS: '0.1' });
  const failure = await failureOf(database.read(({ db }) => sql`select pg_sleep(5)`.execute(db)));
  expect(String(failure)).toContain('statement timeout');
  expect(isOutage(failure)).toBe(true);
});

test('a migration may change a table whose statements are prepared', async () => {
  const database = await openDatabase({ DATABASE_POOL_SIZE: '1' });
  await Promise.all([database.read(findJob), database.transaction(findJob)]);
  await database.transaction(({ db }) => sql`alter table scheduled_jobs add column note text`.execute(db));
  await Promise.all([database.read(findJob), database.transaction(findJob)]);
});

test('a server without TLS is an outage where the URL requires it', async () => {
  expect(isOutage(await failureWith({ search: '?sslmode=verify-full' }))).toBe(true);
});

/** Kysely writes `*`: its columns are those of the moment when the statement is prepared. */
function findJob({ db }: Session): Promise<unknown> {
  return db.selectFrom('scheduled_jobs').selectAll().where('name', '=', 'x').execute();
}
