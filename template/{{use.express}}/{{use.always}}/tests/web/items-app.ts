/** The application with the routes of the items. */

import type { Router } from 'express';
import * as z from 'zod';

import { newId } from '../../src/clock.ts';
import type { Settings } from '../../src/config/index.ts';
import type { Database } from '../../src/database.ts';
import { decodeCursor } from '../../src/pagination.ts';
import { etag, requireIfMatch } from '../../src/web/conditional.ts';
import { createOnce, idempotencyHeaders, sendCreated } from '../../src/web/idempotency.ts';
import { operation } from '../../src/web/operation.ts';
import { pageOf, pageQuery, paginated } from '../../src/web/pagination.ts';
import { createRouter } from '../../src/web/routes.ts';
import { Id, ifMatchHeaders, ifNoneMatchHeaders, lineOfText, Moment, text } from '../../src/web/schemas.ts';
import { type App, createApp } from '../app.ts';
import { startApp } from '../services.ts';
import { findItem, type Item, ITEMS, listItems, renameItem } from './items.ts';

export function startWithItems(variables: NodeJS.ProcessEnv = {}): Promise<App> {
  return startApp(variables, createWithItems);
}

export function createWithItems(settings: Settings): Promise<App> {
  return createApp(settings, (database) => ({ [ITEMS]: createItems(database) }));
}

const Part = z.strictObject({
  sku: lineOfText({ min: 1, max: 64 }),
  quantity: z.int().min(1),
  unit_price: z.string(),
});
const ItemCreate = z.strictObject({
  name: lineOfText({ min: 1, max: 100 }),
  note: text({ max: 500 }).exactOptional(),
  parts: z.array(Part).max(100),
});
const ItemPatch = z.strictObject({ name: lineOfText({ min: 1, max: 100 }) });
const ItemQuery = z.strictObject({ ...pageQuery, created_after: Moment.exactOptional() });
const ItemParams = z.object({ item_id: Id });
const ItemRead = z.object({ id: Id, name: z.string(), note: z.string() }).meta({ id: 'ItemRead' });
const ItemPage = pageOf('ItemPage', ItemRead);

const about = { summary: '', description: '', tags: [], permission: 'authenticated' } as const;

function createItems(database: Database): Router {
  const router = createRouter();

  router.post(
    '/',
    operation({
      ...about,
      operationId: 'create_item',
      headers: idempotencyHeaders,
      body: ItemCreate,
      responses: { 201: ItemRead },
      problems: ['idempotency_in_progress', 'idempotency_key_reused'],
    }),
    async (req, res) => {
      const outcome = await database.transaction((session) =>
        createOnce(session, req, () => {
          const id = newId();
          const body = JSON.stringify({ id, ...req.valid.body });
          return Promise.resolve({ status: 201, location: `${req.fullPath}/${id}`, etag: etag(1), body });
        }),
      );
      sendCreated(res, outcome);
    },
  );

  router.get(
    '/',
    operation({
      ...about,
      operationId: 'list_items',
      query: ItemQuery,
      responses: { 200: ItemPage },
      problems: ['invalid_cursor'],
    }),
    async (req, res) => {
      const { limit, cursor, created_after } = req.valid.query;
      const filter = {
        limit,
        after: cursor === undefined ? undefined : decodeCursor(cursor),
        createdAfter: created_after === undefined ? undefined : new Date(created_after),
      };
      const found = await database.read((session) => listItems(session, filter));
      res.json(paginated(req, res, limit, found, represent));
    },
  );

  router.get(
    '/:item_id',
    operation({
      ...about,
      operationId: 'get_item',
      params: ItemParams,
      headers: ifNoneMatchHeaders,
      responses: { 200: ItemRead },
    }),
    (req, res) => {
      const item = findItem(req.valid.params.item_id);
      res.set('etag', etag(item.version)).json(represent(item));
    },
  );

  router.patch(
    '/:item_id',
    operation({
      ...about,
      operationId: 'rename_item',
      params: ItemParams,
      headers: ifMatchHeaders,
      body: ItemPatch,
      responses: { 200: ItemRead },
      problems: ['precondition_failed', 'precondition_required'],
    }),
    (req, res) => {
      const versions = requireIfMatch(req.headers['if-match']);
      const item = renameItem(req.valid.params.item_id, req.valid.body.name, versions);
      res.set('etag', etag(item.version)).json(represent(item));
    },
  );

  return router;
}

function represent({ id, name, note }: Item) {
  return { id, name, note };
}
