/** Orders over HTTP. */

import { Body, Controller, Delete, Get, Headers, HttpCode, Param, Patch, Post, Query, Req, Res } from '@nestjs/common';
import {
  ApiConsumes,
  ApiCreatedResponse,
  ApiNoContentResponse,
  ApiNotModifiedResponse,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';

import type { Principal } from '../permissions.ts';
import { Caller, RequirePermission } from '../web/access.decorators.ts';
import { ApiIfMatch, ApiIfNoneMatch, ApiProblems } from '../web/api.decorators.ts';
import { etag, parseIfMatch, requireIfMatch } from '../web/conditional.ts';
import { isCurrent } from '../web/fresh.ts';
import { ApiIdempotencyKey, IdempotencyService, respondWith } from '../web/idempotency.service.ts';
import { type Page, paginated } from '../web/pagination.ts';
import { OrdersService } from './orders.service.ts';
import { OrderCreate, OrderPage, OrderParams, OrderPatch, OrderQuery, OrderRead, represent } from './schemas.ts';

@ApiTags('orders')
@Controller('api/v1/orders')
export class OrdersController {
  constructor(
    private readonly orders: OrdersService,
    private readonly idempotency: IdempotencyService,
  ) {}

  @Post()
  @RequirePermission('orders:write')
  @ApiOperation({
    operationId: 'place_order',
    summary: 'Place an order',
    description: 'With an idempotency key, repeating the request is safe.',
  })
  @ApiIdempotencyKey()
  @ApiCreatedResponse({ standardSchema: OrderRead })
  @ApiProblems('conflict', 'idempotency_in_progress', 'idempotency_key_reused')
  async place(
    @Caller() caller: Principal,
    @Body({ schema: OrderCreate }) body: OrderCreate,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<string> {
    const outcome = await this.idempotency.createOnce(request, async (session) => {
      const order = await this.orders.place(session, caller, body);
      return {
        status: 201,
        location: `${request.path}/${order.id}`,
        etag: etag(order.version),
        body: JSON.stringify(represent(order)),
      };
    });
    return respondWith(reply, outcome);
  }

  @Get()
  @RequirePermission('orders:read')
  @ApiOperation({ operationId: 'list_orders', summary: 'List orders', description: 'Newest first.' })
  @ApiOkResponse({ standardSchema: OrderPage })
  @ApiProblems('invalid_cursor')
  async list(
    @Caller() caller: Principal,
    @Query({ schema: OrderQuery }) query: OrderQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<Page<OrderRead>> {
    const { limit, cursor: after, status, reference, created_after, created_before } = query;
    const filter = { limit, after, status, reference, createdAfter: created_after, createdBefore: created_before };
    const found = await this.orders.list(caller, filter);
    return paginated(request, reply, limit, found, represent);
  }

  @Get(':order_id')
  @RequirePermission('orders:read')
  @ApiOperation({ operationId: 'get_order', summary: 'Get an order', description: 'One order with its lines.' })
  @ApiIfNoneMatch()
  @ApiOkResponse({ standardSchema: OrderRead })
  @ApiNotModifiedResponse({ description: 'The caller has this version.' })
  async get(
    @Caller() caller: Principal,
    @Param({ schema: OrderParams }) { order_id }: OrderParams,
    @Headers('if-none-match') ifNoneMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderRead | undefined> {
    const order = await this.orders.find(caller, order_id);
    reply.header('etag', etag(order.version));
    if (!isCurrent(ifNoneMatch, order.version)) return represent(order);
    reply.code(304);
    return undefined;
  }

  @Patch(':order_id')
  @RequirePermission('orders:write')
  @ApiOperation({
    operationId: 'amend_order',
    summary: 'Amend an order',
    description: 'Change the note or the reference of an order.',
  })
  @ApiConsumes('application/json', 'application/merge-patch+json')
  @ApiIfMatch({ required: true })
  @ApiOkResponse({ standardSchema: OrderRead })
  @ApiProblems('conflict', 'invalid_state', 'precondition_failed', 'precondition_required')
  async amend(
    @Caller() caller: Principal,
    @Param({ schema: OrderParams }) { order_id }: OrderParams,
    @Body({ schema: OrderPatch }) changes: OrderPatch,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderRead> {
    const order = await this.orders.amend(caller, order_id, changes, requireIfMatch(ifMatch));
    reply.header('etag', etag(order.version));
    return represent(order);
  }

  @Post(':order_id/cancellation')
  @HttpCode(200)
  @RequirePermission('orders:write')
  @ApiOperation({
    operationId: 'cancel_order',
    summary: 'Cancel an order',
    description: 'A cancelled order stays as it is.',
  })
  @ApiIfMatch()
  @ApiOkResponse({ standardSchema: OrderRead })
  @ApiProblems('invalid_state', 'precondition_failed')
  async cancel(
    @Caller() caller: Principal,
    @Param({ schema: OrderParams }) { order_id }: OrderParams,
    @Headers('if-match') ifMatch: string | undefined,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<OrderRead> {
    const order = await this.orders.cancel(caller, order_id, parseIfMatch(ifMatch));
    reply.header('etag', etag(order.version));
    return represent(order);
  }

  @Delete(':order_id')
  @HttpCode(204)
  @RequirePermission('orders:delete')
  @ApiOperation({
    operationId: 'delete_order',
    summary: 'Delete an order',
    description: 'The order and its lines are deleted.',
  })
  @ApiIfMatch()
  @ApiNoContentResponse({ description: 'The order is deleted.' })
  @ApiProblems('precondition_failed')
  async remove(
    @Caller() caller: Principal,
    @Param({ schema: OrderParams }) { order_id }: OrderParams,
    @Headers('if-match') ifMatch: string | undefined,
  ): Promise<void> {
    await this.orders.remove(caller, order_id, parseIfMatch(ifMatch));
  }
}
