/** The bare app on Express, as its guide teaches, with zod for what it leaves to others: validation. */

import express, { type ErrorRequestHandler, Router } from 'express';
import * as z from 'zod';

import * as repository from '../orders/repository.ts';
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
const OrderQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(100).default(20),
  cursor: z.string().max(512).optional(),
  status: Status.optional(),
});

const OrderParams = z.object({ id: z.uuid() });

function orderRoutes(orders: Orders): Router {
  const router = Router();
  router.post('/', async (request, response) => {
    response.status(201).json(await orders.place(OrderCreate.parse(request.body)));
  });
  router.get('/', async (request, response) => {
    response.json(await orders.list(OrderQuery.parse(request.query)));
  });
  router.get('/:id', async (request, response) => {
    response.json(await orders.find(OrderParams.parse(request.params).id));
  });
  return router;
}

const refuseInvalid: ErrorRequestHandler = (error, _request, response, next) => {
  if (error instanceof z.ZodError) response.status(400).json({ errors: error.issues });
  else next(error);
};

const app = express();
app.use(express.json());
app.get('/livez', (_request, response) => {
  response.json({ status: 'ok' });
});
app.use('/api/v1/orders', orderRoutes(new Orders(repository)));
app.use(refuseInvalid);
app.listen(Number(process.env['PORT']), '127.0.0.1');
