/** Keyset pagination in SQL. An index finds the first row of each page, so late pages are as fast as early ones. */

import type { RawBuilder, SqlBool } from 'kysely';

import { isLess } from './dialect.ts';
import type { Cursor } from './pagination.ts';

/** Whether a row of the table comes after the cursor in a list that has the newest row first. */
export function isOlder(table: string, cursor: Cursor): RawBuilder<SqlBool> {
  return isLess([`${table}.created_at`, `${table}.id`], [cursor.created_at, cursor.id]);
}
