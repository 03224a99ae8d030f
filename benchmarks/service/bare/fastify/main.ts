/** The bare app on Fastify, as its guide teaches: schemas validate requests and serialize responses. */

import { type FastifyPluginCallbackTypebox, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import fastify from 'fastify';
import { Type } from 'typebox';

import * as repository from '../orders/repository.ts';
import { Orders } from './orders.ts';

const Text = Type.String({ minLength: 1, maxLength: 64, pattern: '^[^\\u0000-\\u001f\\u007f]*$' });
// Not a union: Fastify would convert null to an empty text.
const Nullable = Type.Unsafe<string | null>({ type: ['string', 'null'] });
const Status = Type.Enum(['placed', 'confirmed', 'cancelled']);

const OrderCreate = Type.Object(
  {
    reference: Text,
    currency: Type.String({ pattern: '^[A-Z]{3}$' }),
    lines: Type.Array(
      Type.Object(
        {
          sku: Text,
          quantity: Type.Integer({ minimum: 1, maximum: 1000 }),
          unit_price: Type.String({ pattern: String.raw`^[0-9]{1,11}(\.[0-9]{1,4})?$` }),
        },
        { additionalProperties: false },
      ),
      { minItems: 1, maxItems: 100 },
    ),
    note: Type.Optional(
      Type.Unsafe<string | null>({ type: ['string', 'null'], maxLength: 500, pattern: '^[^\\u0000]*$' }),
    ),
  },
  { additionalProperties: false },
);

const OrderRead = Type.Object({
  id: Type.String(),
  reference: Type.String(),
  currency: Type.String(),
  status: Status,
  lines: Type.Array(Type.Object({ sku: Type.String(), quantity: Type.Integer(), unit_price: Type.String() })),
  total: Type.String(),
  note: Nullable,
  created_at: Type.String(),
  updated_at: Type.String(),
});

const OrderPage = Type.Object({
  data: Type.Array(OrderRead),
  meta: Type.Object({ limit: Type.Integer(), next_cursor: Nullable }),
});

const OrderQuery = Type.Object(
  {
    limit: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
    cursor: Type.Optional(Type.String({ maxLength: 512 })),
    status: Type.Optional(Status),
  },
  { additionalProperties: false },
);

const orderRoutes: FastifyPluginCallbackTypebox<{ orders: Orders }> = (app, { orders }, done) => {
  app.post('/', { schema: { body: OrderCreate, response: { 201: OrderRead } } }, async (request, reply) => {
    reply.code(201);
    return orders.place(request.body);
  });

  app.get('/', { schema: { querystring: OrderQuery, response: { 200: OrderPage } } }, async (request) => {
    return orders.list(request.query);
  });

  const params = Type.Object({ id: Type.String({ format: 'uuid' }) });
  app.get('/:id', { schema: { params, response: { 200: OrderRead } } }, async (request) => {
    return orders.find(request.params.id);
  });

  done();
};

const app = fastify().withTypeProvider<TypeBoxTypeProvider>();

app.get('/livez', { schema: { response: { 200: Type.Object({ status: Type.Literal('ok') }) } } }, async () => ({
  status: 'ok' as const,
}));
await app.register(orderRoutes, { prefix: '/api/v1/orders', orders: new Orders(repository) });
await app.listen({ host: '127.0.0.1', port: Number(process.env['PORT']) });
