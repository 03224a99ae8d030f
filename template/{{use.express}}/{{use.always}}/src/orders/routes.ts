/** Orders over HTTP. */

import type { Router } from 'express';

import type { Database } from '../database.ts';
import { decodeCursor } from '../pagination.ts';
import { etag, parseIfMatch, requireIfMatch } from '../web/conditional.ts';
import { createOnce, idempotencyHeaders, sendCreated } from '../web/idempotency.ts';
import { operation } from '../web/operation.ts';
import { paginated } from '../web/pagination.ts';
import { createRouter } from '../web/routes.ts';
import { ifMatchHeaders, ifNoneMatchHeaders } from '../web/schemas.ts';
import { findOrder, listOrders } from './repository.ts';
import { OrderCreate, OrderPage, OrderParams, OrderPatch, OrderQuery, OrderRead, represent } from './schemas.ts';
import { amendOrder, cancelOrder, placeOrder, removeOrder } from './service.ts';

const tags = ['orders'];

export function createOrders(database: Database): Router {
  const router = createRouter();

  router.post(
    '/',
    operation({
      operationId: 'place_order',
      summary: 'Place an order',
      description: 'With an idempotency key, repeating the request is safe.',
      tags,
      permission: 'orders:write',
      headers: idempotencyHeaders,
      body: OrderCreate,
      responses: { 201: OrderRead },
      problems: ['conflict', 'idempotency_in_progress', 'idempotency_key_reused'],
    }),
    async (req, res) => {
      const outcome = await database.transaction((session) =>
        createOnce(session, req, async () => {
          const order = await placeOrder(session, req.principal, req.valid.body);
          return {
            status: 201,
            location: `${req.fullPath}/${order.id}`,
            etag: etag(order.version),
            body: JSON.stringify(represent(order)),
          };
        }),
      );
      sendCreated(res, outcome);
    },
  );

  router.get(
    '/',
    operation({
      operationId: 'list_orders',
      summary: 'List orders',
      description: 'Newest first.',
      tags,
      permission: 'orders:read',
      query: OrderQuery,
      responses: { 200: OrderPage },
      problems: ['invalid_cursor'],
    }),
    async (req, res) => {
      const { limit, cursor, status, reference, created_after, created_before } = req.valid.query;
      const filter = {
        limit,
        after: cursor === undefined ? undefined : decodeCursor(cursor),
        status,
        reference,
        createdAfter: created_after === undefined ? undefined : new Date(created_after),
        createdBefore: created_before === undefined ? undefined : new Date(created_before),
      };
      const found = await database.read((session) => listOrders(session, req.principal, filter), { staleOk: true });
      res.json(paginated(req, res, limit, found, represent));
    },
  );

  router.get(
    '/:order_id',
    operation({
      operationId: 'get_order',
      summary: 'Get an order',
      description: 'One order with its lines.',
      tags,
      permission: 'orders:read',
      params: OrderParams,
      headers: ifNoneMatchHeaders,
      responses: { 200: OrderRead, 304: 'The caller has this version.' },
    }),
    async (req, res) => {
      const { order_id: id } = req.valid.params;
      const order = await database.read((session) => findOrder(session, req.principal, id));
      // Express answers 304 if the caller has this version.
      res.set('etag', etag(order.version)).json(represent(order));
    },
  );

  router.patch(
    '/:order_id',
    operation({
      operationId: 'amend_order',
      summary: 'Amend an order',
      description: 'Change the note or the reference of an order.',
      tags,
      permission: 'orders:write',
      params: OrderParams,
      headers: ifMatchHeaders,
      body: OrderPatch,
      responses: { 200: OrderRead },
      problems: ['conflict', 'invalid_state', 'precondition_failed', 'precondition_required'],
    }),
    async (req, res) => {
      const { params, body } = req.valid;
      const versions = requireIfMatch(req.headers['if-match']);
      const order = await database.transaction((session) =>
        amendOrder(session, req.principal, params.order_id, body, versions),
      );
      res.set('etag', etag(order.version)).json(represent(order));
    },
  );

  router.post(
    '/:order_id/cancellation',
    operation({
      operationId: 'cancel_order',
      summary: 'Cancel an order',
      description: 'A cancelled order stays as it is.',
      tags,
      permission: 'orders:write',
      params: OrderParams,
      headers: ifMatchHeaders,
      responses: { 200: OrderRead },
      problems: ['invalid_state', 'precondition_failed'],
    }),
    async (req, res) => {
      const { order_id: id } = req.valid.params;
      const versions = parseIfMatch(req.headers['if-match']);
      const order = await database.transaction((session) => cancelOrder(session, req.principal, id, versions));
      res.set('etag', etag(order.version)).json(represent(order));
    },
  );

  router.delete(
    '/:order_id',
    operation({
      operationId: 'delete_order',
      summary: 'Delete an order',
      description: 'The order and its lines are deleted.',
      tags,
      permission: 'orders:delete',
      params: OrderParams,
      headers: ifMatchHeaders,
      responses: { 204: 'The order is deleted.' },
      problems: ['precondition_failed'],
    }),
    async (req, res) => {
      const { order_id: id } = req.valid.params;
      const versions = parseIfMatch(req.headers['if-match']);
      await database.transaction((session) => removeOrder(session, req.principal, id, versions));
      res.status(204).end();
    },
  );

  return router;
}
