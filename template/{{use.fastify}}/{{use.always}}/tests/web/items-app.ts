/** The application with the routes of the items. */

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';

import { newId } from '../../src/clock.ts';
import type { Settings } from '../../src/config/index.ts';
import { decodeCursor } from '../../src/pagination.ts';
import { etag, requireIfMatch } from '../../src/web/conditional.ts';
import { isCurrent } from '../../src/web/fresh.ts';
import { createOnce, idempotencyHeaders, sendCreated } from '../../src/web/idempotency.ts';
import { pageOf, pageQuery, paginated } from '../../src/web/pagination.ts';
import { ifMatchHeaders, ifNoneMatchHeaders, ref } from '../../src/web/schemas.ts';
import { type App, createApp } from '../app.ts';
import { startApp } from '../services.ts';
import { findItem, type Item, ITEMS, listItems, renameItem } from './items.ts';

export function startWithItems(variables: NodeJS.ProcessEnv = {}): Promise<App> {
  return startApp(variables, createWithItems);
}

export async function createWithItems(settings: Settings): Promise<App> {
  const app = await createApp(settings);
  await app.register(items, { prefix: ITEMS });
  return app;
}

const Part = Type.Object(
  {
    sku: Type.String({ minLength: 1, maxLength: 64 }),
    quantity: Type.Integer({ minimum: 1 }),
    unit_price: Type.String(),
  },
  { additionalProperties: false },
);

const ItemCreate = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 100 }),
    note: Type.Optional(Type.String({ pattern: '^[^\\u0000]*$' })),
    parts: Type.Array(Part, { maxItems: 100 }),
  },
  { additionalProperties: false },
);

const ItemPatch = Type.Object({ name: Type.String({ minLength: 1 }) }, { additionalProperties: false });

const ItemQuery = Type.Object(
  { ...pageQuery, created_after: Type.Optional(Type.String({ format: 'date-time' })) },
  { additionalProperties: false },
);

const ItemParams = Type.Object({ item_id: Type.String({ format: 'uuid' }) });

const ItemRead = Type.Object(
  { id: Type.String({ format: 'uuid' }), name: Type.String(), note: Type.String() },
  { $id: 'ItemRead' },
);
const ItemPage = pageOf('ItemPage', ref(ItemRead));

const items: FastifyPluginAsyncTypebox = async (app) => {
  app.addSchema(ItemRead);
  app.addSchema(ItemPage);

  app.post(
    '',
    {
      schema: { operationId: 'create_item', headers: idempotencyHeaders, body: ItemCreate },
      config: { permission: 'authenticated', problems: ['idempotency_in_progress', 'idempotency_key_reused'] },
    },
    async (request, reply) => {
      const outcome = await app.database.transaction((session) =>
        createOnce(session, request, () => {
          const id = newId();
          const body = JSON.stringify({ id, ...request.body });
          return Promise.resolve({ status: 201, location: `${request.path}/${id}`, etag: etag(1), body });
        }),
      );
      return sendCreated(reply, outcome);
    },
  );

  app.get(
    '',
    {
      schema: { operationId: 'list_items', querystring: ItemQuery, response: { 200: ref(ItemPage) } },
      config: { permission: 'authenticated', problems: ['invalid_cursor'] },
    },
    async (request, reply) => {
      const { limit, cursor, created_after } = request.query;
      const filter = {
        limit,
        after: cursor === undefined ? undefined : decodeCursor(cursor),
        createdAfter: created_after === undefined ? undefined : new Date(created_after),
      };
      const found = await app.database.read((session) => listItems(session, filter));
      return paginated(request, reply, limit, found, represent);
    },
  );

  app.get(
    '/:item_id',
    {
      schema: { operationId: 'get_item', params: ItemParams, headers: ifNoneMatchHeaders },
      config: { permission: 'authenticated' },
    },
    async (request, reply) => {
      const item = findItem(request.params.item_id);
      reply.header('etag', etag(item.version));
      if (isCurrent(request.headers['if-none-match'], item.version)) return reply.code(304).send(null);
      return represent(item);
    },
  );

  app.patch(
    '/:item_id',
    {
      schema: { operationId: 'rename_item', params: ItemParams, headers: ifMatchHeaders, body: ItemPatch },
      config: { permission: 'authenticated', problems: ['precondition_failed', 'precondition_required'] },
    },
    async (request, reply) => {
      const versions = requireIfMatch(request.headers['if-match']);
      const item = renameItem(request.params.item_id, request.body.name, versions);
      reply.header('etag', etag(item.version));
      return represent(item);
    },
  );
};

function represent({ id, name, note }: Item) {
  return { id, name, note };
}
