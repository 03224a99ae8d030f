/** The application with the routes of the items. */

import { Body, Controller, Get, Headers, Module, Param, Patch, Post, Query, Req, Res } from '@nestjs/common';
import { ApiCreatedResponse, ApiOkResponse, ApiOperation } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

import { newId } from '../../src/clock.ts';
import type { Settings } from '../../src/config/index.ts';
import { Database } from '../../src/database.ts';
import { RequirePermission } from '../../src/web/access.decorators.ts';
import { ApiIfMatch, ApiIfNoneMatch, ApiProblems } from '../../src/web/api.decorators.ts';
import { etag, requireIfMatch } from '../../src/web/conditional.ts';
import { isCurrent } from '../../src/web/fresh.ts';
import { ApiIdempotencyKey, IdempotencyService, respondWith } from '../../src/web/idempotency.service.ts';
import { type Page, pageOf, pageQuery, paginated } from '../../src/web/pagination.ts';
import { Moment, text } from '../../src/web/schemas.ts';
import { type App, createApp } from '../app.ts';
import { startApp } from '../services.ts';
import { findItem, type Item, ITEMS, listItems, renameItem } from './items.ts';

const Part = z.strictObject({ sku: text(1, 64), quantity: z.int().min(1), unit_price: z.string() });
const ItemCreate = z.strictObject({
  name: text(1, 100),
  note: text(0, 500)
    .regex(/^[^\0]*$/)
    .exactOptional(),
  parts: z.array(Part).max(100),
});
type ItemCreate = z.infer<typeof ItemCreate>;

const ItemPatch = z.strictObject({ name: text(1, 100) });
type ItemPatch = z.infer<typeof ItemPatch>;

const ItemQuery = z.strictObject({ ...pageQuery, created_after: Moment.exactOptional() });
type ItemQuery = z.infer<typeof ItemQuery>;

const ItemParams = z.object({ item_id: z.uuid() });
type ItemParams = z.infer<typeof ItemParams>;

const ItemRead = z.object({ id: z.uuid(), name: z.string(), note: z.string() }).meta({ id: 'ItemRead' });
type ItemRead = z.infer<typeof ItemRead>;

const ItemPage = pageOf('ItemPage', ItemRead);

@Controller(ITEMS)
class ItemsController {
  constructor(
    private readonly database: Database,
    private readonly idempotency: IdempotencyService,
  ) {}

  @Post()
  @RequirePermission('authenticated')
  @ApiOperation({ operationId: 'create_item' })
  @ApiIdempotencyKey()
  @ApiCreatedResponse({ standardSchema: ItemRead })
  @ApiProblems('idempotency_in_progress', 'idempotency_key_reused')
  async create(
    @Body({ schema: ItemCreate }) body: ItemCreate,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const outcome = await this.idempotency.createOnce(request, () => {
      const id = newId();
      const stored = JSON.stringify({ id, ...body });
      return Promise.resolve({ status: 201, location: `${request.path}/${id}`, etag: etag(1), body: stored });
    });
    return respondWith(reply, outcome);
  }

  @Get()
  @RequirePermission('authenticated')
  @ApiOperation({ operationId: 'list_items' })
  @ApiOkResponse({ standardSchema: ItemPage })
  @ApiProblems('invalid_cursor')
  async list(
    @Query({ schema: ItemQuery }) { limit, cursor: after, created_after: createdAfter }: ItemQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Page<ItemRead>> {
    const found = await this.database.read((session) => listItems(session, { limit, after, createdAfter }));
    return paginated(request, reply, limit, found, represent);
  }

  @Get(':item_id')
  @RequirePermission('authenticated')
  @ApiOperation({ operationId: 'get_item' })
  @ApiIfNoneMatch()
  @ApiOkResponse({ standardSchema: ItemRead })
  get(
    @Param({ schema: ItemParams }) { item_id }: ItemParams,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): ItemRead | undefined {
    const item = findItem(item_id);
    reply.header('etag', etag(item.version));
    if (!isCurrent(ifNoneMatch, item.version)) return represent(item);
    reply.code(304);
    return undefined;
  }

  @Patch(':item_id')
  @RequirePermission('authenticated')
  @ApiOperation({ operationId: 'rename_item' })
  @ApiIfMatch({ required: true })
  @ApiOkResponse({ standardSchema: ItemRead })
  @ApiProblems('precondition_failed', 'precondition_required')
  rename(
    @Param({ schema: ItemParams }) { item_id }: ItemParams,
    @Body({ schema: ItemPatch }) { name }: ItemPatch,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): ItemRead {
    const item = renameItem(item_id, name, requireIfMatch(ifMatch));
    reply.header('etag', etag(item.version));
    return represent(item);
  }
}

@Module({ controllers: [ItemsController] })
class ItemsModule {}

export function startWithItems(variables: NodeJS.ProcessEnv = {}): Promise<App> {
  return startApp(variables, createWithItems);
}

export function createWithItems(settings: Settings): Promise<App> {
  return createApp(settings, [ItemsModule]);
}

function represent({ id, name, note }: Item): ItemRead {
  return { id, name, note };
}
