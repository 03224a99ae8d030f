/** What the tests of a database with a server share. */

import type { Kysely } from 'kysely';
import { onTestFinished } from 'vitest';

import { now } from '../src/clock.ts';
import { Database } from '../src/database.ts';
import { migrateUp } from '../src/migrate.ts';
import type { Tables } from '../src/tables.ts';
import { emptyDatabase } from './databases.ts';
import { testSettings } from './services.ts';

/** The reason for which something fails. */
export async function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** The reason why a database cannot be reached if these parts of its URL are others. */
export async function failureWith(
  parts: Partial<Pick<URL, 'pathname' | 'username' | 'password' | 'search'>>,
): Promise<unknown> {
  const url = new URL((await emptyDatabase()).DATABASE_URL);
  Object.assign(url, parts);
  const database = new Database(await testSettings({ DATABASE_URL: url.href }));
  const failure = await failureOf(database.ping());
  await database.close();
  return failure;
}

/** Two databases with pools of their own, but the same tables. */
export async function openTwice(variables: NodeJS.ProcessEnv = {}): Promise<[Database, Database]> {
  const settings = await testSettings(variables);
  await migrateUp(settings);
  const [database, other] = [new Database(settings), new Database(settings)];
  onTestFinished(async () => {
    await database.close();
    await other.close();
  });
  return [database, other];
}

export function addJob(db: Kysely<Tables>, name: string): Promise<unknown> {
  return db.insertInto('scheduled_jobs').values({ name, due_at: now() }).execute();
}

export async function jobs(database: Database): Promise<string[]> {
  const found = await database.read(({ db }) => db.selectFrom('scheduled_jobs').select('name').execute());
  return found.map((job) => job.name);
}
