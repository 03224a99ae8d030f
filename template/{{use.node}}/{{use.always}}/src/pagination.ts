/** Keyset pagination, newest first. A cursor names the last row of a page, so inserts do not shift later pages. */

import { ServiceError } from './errors.ts';

/** The position after one row. */
export interface Cursor {
  created_at: Date;
  id: string;
}

/** The rows of one page, and the position of the next page if there is one. */
export interface Slice<Row> {
  rows: Row[];
  next: Cursor | undefined;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export function encodeCursor({ created_at, id }: Cursor): string {
  return Buffer.from(`${created_at.toISOString()} ${id}`).toString('base64url');
}

/** @throws invalid_cursor */
export function decodeCursor(text: string): Cursor {
  const [moment = '', id = '', ...rest] = Buffer.from(text, 'base64url').toString().split(' ');
  const created_at = new Date(moment);
  if (rest.length > 0 || !MOMENT.test(moment) || Number.isNaN(created_at.getTime()) || !UUID.test(id)) {
    throw new ServiceError('invalid_cursor', 'The cursor was not issued by this list');
  }
  return { created_at, id };
}

/** Cut the page out of `limit + 1` rows: one more row says that there is a next page. */
export function slice<Row extends Cursor>(found: Row[], limit: number): Slice<Row> {
  const rows = found.slice(0, limit);
  return { rows, next: found.length > limit ? rows.at(-1) : undefined };
}
