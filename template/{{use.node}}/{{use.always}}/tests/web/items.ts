/** The items of a small resource that keeps to all conventions, for tests that need no feature. They are not stored. */

import { sql } from 'kysely';

import type { Session } from '../../src/database.ts';
import { ServiceError } from '../../src/errors.ts';
import { type Cursor, type Slice, slice } from '../../src/pagination.ts';
import { checkVersion, type Versions } from '../../src/versions.ts';

export const ITEMS = '/api/v1/items';

export interface Item extends Cursor {
  name: string;
  /** Long enough that a response is compressed. */
  note: string;
  version: number;
}

/** The newest item first. */
const ALL: readonly Item[] = [5, 4, 3, 2, 1].map((day) => ({
  id: `0198f5a0-0000-7000-8000-00000000000${day}`,
  created_at: new Date(Date.UTC(2026, 0, day)),
  name: `tea ${day}`,
  note: 'hot '.repeat(500),
  version: 1,
}));

export interface ItemFilter {
  limit: number;
  after: Cursor | undefined;
  createdAfter: Date | undefined;
}

export async function listItems(session: Session, { limit, after, createdAfter }: ItemFilter): Promise<Slice<Item>> {
  await sql`select 1`.execute(session.db);
  const found = ALL.filter(
    (item) =>
      (after === undefined || item.created_at < after.created_at) &&
      (createdAfter === undefined || item.created_at > createdAfter),
  );
  return slice(found.slice(0, limit + 1), limit);
}

/** @throws not_found */
export function findItem(id: string): Item {
  const item = ALL.find((each) => each.id === id);
  if (item === undefined) throw new ServiceError('not_found');
  return item;
}

/** @throws not_found, precondition_failed */
export function renameItem(id: string, name: string, versions: Versions): Item {
  const item = findItem(id);
  checkVersion(item.version, versions);
  return { ...item, name, version: item.version + 1 };
}
