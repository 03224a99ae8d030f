/** Pages of a list over HTTP. */

import type { Request, Response } from 'express';
import * as z from 'zod';

import { encodeCursor, type Slice } from '../pagination.ts';

/** A parameter is text. */
const Limit = z.preprocess(
  (value) => (typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value),
  z.int().min(1).max(100).default(20),
);

/** The query parameters of every list. */
export const pageQuery = {
  limit: Limit,
  cursor: z.string().meta({ description: '`next_cursor` of the page before.' }).exactOptional(),
};

export const PageMeta = z.object({ limit: z.int(), next_cursor: z.string().nullable() }).meta({ id: 'PageMeta' });

export function pageOf<T extends z.ZodType>(id: string, item: T) {
  return z.object({ data: z.array(item), meta: PageMeta }).meta({ id });
}

/** The body of a page. If there is a next page, its URL is set as the `Link` header. */
export function paginated<Row, Item>(
  { fullPath, originalUrl }: Pick<Request, 'fullPath' | 'originalUrl'>,
  res: Response,
  limit: number,
  { rows, next }: Slice<Row>,
  represent: (row: Row) => Item,
) {
  const cursor = next === undefined ? null : encodeCursor(next);
  if (cursor !== null) {
    const query = new URLSearchParams(originalUrl.split('?')[1]);
    query.set('cursor', cursor);
    res.set('link', `<${fullPath}?${query.toString()}>; rel="next"`);
  }
  return { data: rows.map(represent), meta: { limit, next_cursor: cursor } };
}
