import { onTestFinished } from 'vitest';

import { createEmptyDatabase } from '../scripts/empty-database.ts';

/** The variables that production requires. */
export const SECRETS = {};

/** The URL of a database that cannot be opened. */
export const NOWHERE = 'sqlite:/no/such/folder/app.db';

export const EXPLAIN = 'explain query plan';
/** How a query plan shows that all rows of a table are read: `page` is a subquery. */
export const WHOLE_TABLE = /SCAN (?!page")\w+"/;
export const ANALYZE = 'analyze';

/** Called once, before all tests: a file needs no server. */
export function setup(): void {}

/** The variables of an empty database, which is removed after the test. */
export async function emptyDatabase(): Promise<{ DATABASE_URL: string }> {
  const { url, drop } = await createEmptyDatabase();
  onTestFinished(drop);
  return { DATABASE_URL: url };
}
