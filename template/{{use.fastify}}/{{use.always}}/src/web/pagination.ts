/** Pages of a list over HTTP. */

import type { FastifyReply, FastifyRequest } from 'fastify';
import { type TSchema, Type } from 'typebox';

import { encodeCursor, type Slice } from '../pagination.ts';
import { ref } from './schemas.ts';

/** The query parameters of every list. */
export const pageQuery = {
  limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
  cursor: Type.Optional(Type.String({ description: '`next_cursor` of the page before.' })),
};

export const PageMeta = Type.Object(
  { limit: Type.Integer(), next_cursor: Type.Union([Type.String(), Type.Null()]) },
  { $id: 'PageMeta' },
);

export function pageOf<T extends TSchema>($id: string, item: T) {
  return Type.Object({ data: Type.Array(item), meta: ref(PageMeta) }, { $id });
}

/** The body of a page. If there is a next page, its URL is set as the `Link` header. */
export function paginated<Row, Item>(
  request: FastifyRequest,
  reply: FastifyReply,
  limit: number,
  { rows, next }: Slice<Row>,
  represent: (row: Row) => Item,
) {
  const cursor = next === undefined ? null : encodeCursor(next);
  if (cursor !== null) {
    const query = new URLSearchParams(request.url.split('?')[1]);
    query.set('cursor', cursor);
    reply.header('link', `<${request.path}?${query.toString()}>; rel="next"`);
  }
  return { data: rows.map(represent), meta: { limit, next_cursor: cursor } };
}
