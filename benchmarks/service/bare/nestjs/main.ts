/** The bare app on NestJS with the adapter for Fastify, as its guide teaches. */

import 'reflect-metadata';

import { Body, Controller, Get, Module, Param, Post, Query, StandardSchemaValidationPipe } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { z } from 'zod';

import { OrdersRepository } from '../orders/orders.repository.ts';
import { Orders } from './orders.ts';

const LINE_OF_TEXT = new RegExp('^[^\\u0000-\\u001f\\u007f]*$');

const Text = z.string().min(1).max(64).regex(LINE_OF_TEXT);
const Status = z.enum(['placed', 'confirmed', 'cancelled']);

const OrderCreate = z.strictObject({
  reference: Text,
  currency: z.string().regex(/^[A-Z]{3}$/),
  lines: z
    .array(
      z.strictObject({
        sku: Text,
        quantity: z.int().min(1).max(1000),
        unit_price: z.string().regex(/^[0-9]{1,11}(\.[0-9]{1,4})?$/),
      }),
    )
    .min(1)
    .max(100),
  note: z.string().max(500).regex(new RegExp('^[^\\u0000]*$')).nullish(),
});
type OrderCreate = z.infer<typeof OrderCreate>;

const OrderQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(512).optional(),
  status: Status.optional(),
});
type OrderQuery = z.infer<typeof OrderQuery>;

@Controller('livez')
class LivenessController {
  @Get()
  live() {
    return { status: 'ok' };
  }
}

@Controller('api/v1/orders')
class OrdersController {
  constructor(private readonly orders: Orders) {}

  @Post()
  place(@Body({ schema: OrderCreate }) body: OrderCreate) {
    return this.orders.place(body);
  }

  @Get()
  list(@Query({ schema: OrderQuery }) query: OrderQuery) {
    return this.orders.list(query);
  }

  @Get(':id')
  find(@Param('id', { schema: z.uuid() }) id: string) {
    return this.orders.find(id);
  }
}

@Module({
  controllers: [LivenessController, OrdersController],
  providers: [
    OrdersRepository,
    {
      provide: Orders,
      useFactory: (repository: OrdersRepository) =>
        new Orders({
          insertOrder: (session, order) => repository.insert(session, order),
          findOrder: (session, principal, id) => repository.find(session, principal, id),
          listOrders: (session, principal, filter) => repository.list(session, principal, filter),
        }),
      inject: [OrdersRepository],
    },
  ],
})
class AppModule {}

const app = await NestFactory.create<NestFastifyApplication>(AppModule, new FastifyAdapter(), { logger: false });
app.useGlobalPipes(new StandardSchemaValidationPipe());
await app.listen(Number(process.env['PORT']), '127.0.0.1');
