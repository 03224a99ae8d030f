/** What the tests of all databases with a server need to know of this one. */

import { sql } from 'kysely';

import type { Session } from '../src/database.ts';

export { installed, startAt, startLocally } from '../scripts/local-mysql.ts';

/** The variables that production requires. */
export const SECRETS = { DATABASE_URL: 'mysql://app:secret@database:3306/app' };

/** The URL of a database that does not answer: no server listens on port 1. */
export const NOWHERE = 'mysql://app:app@127.0.0.1:1/app';

export const EXPLAIN = 'explain';
/** How a query plan shows that all rows of a table are read. To read all of a subquery is allowed: it holds one page. */
export const WHOLE_TABLE = /"table":"\w+",(?:"partitions":null,)?"type":"ALL"/;
export const ANALYZE = 'analyze table';

/** Options of the server of the tests. */
export const FAST_BUT_UNSAFE = ['--innodb-flush-log-at-trx-commit=0', '--skip-innodb-doublewrite', '--skip-log-bin'];

/** Begins to refuse writes in the transaction. */
export const READ_ONLY = sql`start transaction read only`;

/** Let the server close all other connections to the database. */
export async function closeOthers({ db }: Session): Promise<void> {
  const others = sql<{ id: bigint }>`select id from information_schema.processlist where db = database()
    and id <> connection_id()`;
  for (const { id } of (await others.execute(db)).rows) await sql`kill ${sql.lit(Number(id))}`.execute(db);
}
