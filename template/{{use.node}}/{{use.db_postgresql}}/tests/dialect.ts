/** What the tests of all databases with a server need to know of this one. */

import { sql } from 'kysely';

import type { Session } from '../src/database.ts';

export { installed, startAt, startLocally } from '../scripts/local-postgresql.ts';

/** The variables that production requires. */
export const SECRETS = { DATABASE_URL: 'postgresql://app:secret@database:5432/app' };

/** The URL of a database that does not answer: no server listens on port 1. */
export const NOWHERE = 'postgresql://app:app@127.0.0.1:1/app';

export const EXPLAIN = 'explain';
/** How a query plan shows that all rows are read. */
export const WHOLE_TABLE = /Seq Scan/;
export const ANALYZE = 'analyze';

/** Options of the server of the tests. */
export const FAST_BUT_UNSAFE = ['fsync=off', 'full_page_writes=off', 'synchronous_commit=off'];

/** Begins to refuse writes in the transaction. */
export const READ_ONLY = sql`set transaction read only`;

/** Let the server close all other connections to the database. */
export async function closeOthers({ db }: Session): Promise<void> {
  const others = sql`datname = current_database() and pid <> pg_backend_pid()`;
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where ${others}`.execute(db);
}
