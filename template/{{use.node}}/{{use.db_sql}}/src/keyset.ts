/** Keyset pagination in SQL. An index finds the first row of each page, so late pages are as fast as early ones. */

import { type RawBuilder, sql, type SqlBool } from 'kysely';

import type { Cursor } from './pagination.ts';

/** Whether a row of the table comes after the cursor in a list that has the newest row first. */
export function isOlder(table: string, cursor: Cursor): RawBuilder<SqlBool> {
  const position = sql`(${sql.ref(`${table}.created_at`)}, ${sql.ref(`${table}.id`)})`;
  return sql<SqlBool>`${position} < (${cursor.created_at}, ${cursor.id})`;
}
