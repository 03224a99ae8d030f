/** The application with a small resource, for tests that need a route but no feature. */

import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';

import type { App } from '../app.ts';
import { startApp } from '../services.ts';

export const ITEMS = '/api/v1/items';

export async function startWithItems(variables: NodeJS.ProcessEnv = {}): Promise<App> {
  const app = await startApp(variables);
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

const items: FastifyPluginAsyncTypebox = async (app) => {
  const config = { permission: 'authenticated' } as const;

  app.post('', { schema: { body: ItemCreate }, config }, (request, reply) => reply.code(201).send(request.body));

  app.get('', { config }, () => app.database.read(({ db }) => db.selectFrom('scheduled_jobs').selectAll().execute()));

  // Long enough to be compressed.
  app.get('/:item_id', { config }, () => ({ name: 'tea', note: 'hot '.repeat(500), parts: [] }));
};
