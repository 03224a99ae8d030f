/** Orders over HTTP. */

import type { FastifyPluginCallbackTypebox } from '@fastify/type-provider-typebox';
import { Type } from 'typebox';

import type { Database } from '../database.ts';
import { decodeCursor } from '../pagination.ts';
import { etag, parseIfMatch, requireIfMatch } from '../web/conditional.ts';
import { isCurrent } from '../web/fresh.ts';
import { createOnce, idempotencyHeaders, sendCreated } from '../web/idempotency.ts';
import { paginated } from '../web/pagination.ts';
import { ifMatchHeaders, ifNoneMatchHeaders, ref } from '../web/schemas.ts';
import { findOrder, listOrders } from './repository.ts';
import {
  OrderCreate,
  OrderPage,
  OrderParams,
  OrderPatch,
  OrderQuery,
  OrderRead,
  orderSchemas,
  represent,
} from './schemas.ts';
import { amendOrder, cancelOrder, placeOrder, removeOrder } from './service.ts';

const tags = ['orders'];

export const orders: FastifyPluginCallbackTypebox<{ database: Database }> = (app, { database }, done) => {
  for (const schema of orderSchemas) app.addSchema(schema);

  app.post(
    '',
    {
      schema: {
        operationId: 'place_order',
        summary: 'Place an order',
        description: 'With an idempotency key, repeating the request is safe.',
        tags,
        headers: idempotencyHeaders,
        body: ref(OrderCreate),
        response: { 201: ref(OrderRead) },
      },
      config: {
        permission: 'orders:write',
        problems: ['conflict', 'idempotency_in_progress', 'idempotency_key_reused'],
      },
    },
    async (request, reply) => {
      const outcome = await database.transaction((session) =>
        createOnce(session, request, async () => {
          const order = await placeOrder(session, request.principal, request.body);
          return {
            status: 201,
            location: `${request.path}/${order.id}`,
            etag: etag(order.version),
            body: JSON.stringify(represent(order)),
          };
        }),
      );
      return sendCreated(reply, outcome);
    },
  );

  app.get(
    '',
    {
      schema: {
        operationId: 'list_orders',
        summary: 'List orders',
        description: 'Newest first.',
        tags,
        querystring: OrderQuery,
        response: { 200: ref(OrderPage) },
      },
      config: { permission: 'orders:read', problems: ['invalid_cursor'] },
    },
    async (request, reply) => {
      const { limit, cursor, status, reference, created_after, created_before } = request.query;
      const filter = {
        limit,
        after: cursor === undefined ? undefined : decodeCursor(cursor),
        status,
        reference,
        createdAfter: created_after === undefined ? undefined : new Date(created_after),
        createdBefore: created_before === undefined ? undefined : new Date(created_before),
      };
      const found = await database.read((session) => listOrders(session, request.principal, filter), {
        staleOk: true,
      });
      return paginated(request, reply, limit, found, represent);
    },
  );

  app.get(
    '/:order_id',
    {
      schema: {
        operationId: 'get_order',
        summary: 'Get an order',
        description: 'One order with its lines.',
        tags,
        params: OrderParams,
        headers: ifNoneMatchHeaders,
        response: { 200: ref(OrderRead), 304: Type.Null({ description: 'The caller has this version.' }) },
      },
      config: { permission: 'orders:read' },
    },
    async (request, reply) => {
      const id = request.params.order_id;
      const order = await database.read((session) => findOrder(session, request.principal, id));
      reply.header('etag', etag(order.version));
      if (isCurrent(request.headers['if-none-match'], order.version)) return reply.code(304).send(null);
      return represent(order);
    },
  );

  app.patch(
    '/:order_id',
    {
      schema: {
        operationId: 'amend_order',
        summary: 'Amend an order',
        description: 'Change the note or the reference of an order.',
        tags,
        params: OrderParams,
        headers: ifMatchHeaders,
        body: ref(OrderPatch),
        response: { 200: ref(OrderRead) },
      },
      config: {
        permission: 'orders:write',
        problems: ['conflict', 'invalid_state', 'precondition_failed', 'precondition_required'],
      },
    },
    async (request, reply) => {
      const { params, principal, body } = request;
      const versions = requireIfMatch(request.headers['if-match']);
      const order = await database.transaction((session) =>
        amendOrder(session, principal, params.order_id, body, versions),
      );
      reply.header('etag', etag(order.version));
      return represent(order);
    },
  );

  app.post(
    '/:order_id/cancellation',
    {
      schema: {
        operationId: 'cancel_order',
        summary: 'Cancel an order',
        description: 'A cancelled order stays as it is.',
        tags,
        params: OrderParams,
        headers: ifMatchHeaders,
        response: { 200: ref(OrderRead) },
      },
      config: { permission: 'orders:write', problems: ['invalid_state', 'precondition_failed'] },
    },
    async (request, reply) => {
      const { params, principal } = request;
      const versions = parseIfMatch(request.headers['if-match']);
      const order = await database.transaction((session) => cancelOrder(session, principal, params.order_id, versions));
      reply.header('etag', etag(order.version));
      return represent(order);
    },
  );

  app.delete(
    '/:order_id',
    {
      schema: {
        operationId: 'delete_order',
        summary: 'Delete an order',
        description: 'The order and its lines are deleted.',
        tags,
        params: OrderParams,
        headers: ifMatchHeaders,
        response: { 204: Type.Null({ description: 'The order is deleted.' }) },
      },
      config: { permission: 'orders:delete', problems: ['precondition_failed'] },
    },
    async (request, reply) => {
      const { params, principal } = request;
      const versions = parseIfMatch(request.headers['if-match']);
      await database.transaction((session) => removeOrder(session, principal, params.order_id, versions));
      return reply.code(204).send(null);
    },
  );

  done();
};
