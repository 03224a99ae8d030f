/** Pages of a list over HTTP. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

import { decodeCursor, encodeCursor, type Slice } from '../pagination.ts';

/** The query parameters of every list. */
export const pageQuery = {
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().meta({ description: '`next_cursor` of the page before.' }).transform(decodeCursor).exactOptional(),
};

export const PageQuery = z.strictObject(pageQuery);
export type PageQuery = z.infer<typeof PageQuery>;

const PageMeta = z.object({ limit: z.int(), next_cursor: z.string().nullable() }).meta({ id: 'PageMeta' });

export interface Page<Item> {
  data: Item[];
  meta: z.infer<typeof PageMeta>;
}

export function pageOf<T extends z.ZodType>(id: string, item: T) {
  return z.object({ data: z.array(item), meta: PageMeta }).meta({ id });
}

/** The body of a page. If there is a next page, its URL is set as the `Link` header. */
export function paginated<Row, Item>(
  request: FastifyRequest,
  reply: FastifyReply,
  limit: number,
  { rows, next }: Slice<Row>,
  represent: (row: Row) => Item,
): Page<Item> {
  const cursor = next === undefined ? null : encodeCursor(next);
  if (cursor !== null) {
    const query = new URLSearchParams(request.url.split('?')[1]);
    query.set('cursor', cursor);
    reply.header('link', `<${request.path}?${query.toString()}>; rel="next"`);
  }
  return { data: rows.map(represent), meta: { limit, next_cursor: cursor } };
}
