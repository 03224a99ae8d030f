/** Request and response bodies of orders. */

import { type Static, Type } from 'typebox';

import { DECIMAL, formatMoney } from '../money.ts';
import { pageOf, pageQuery } from '../web/pagination.ts';
import { ref } from '../web/schemas.ts';
import type { Order } from './repository.ts';
import { ORDER_STATUSES } from './status.ts';

// Control characters do not belong in a line of text, and some databases cannot store NUL.
const LINE_OF_TEXT = '^[^\\u0000-\\u001f\\u007f]*$';
const TEXT = '^[^\\u0000]*$';

const Reference = Type.String({ minLength: 1, maxLength: 64, pattern: LINE_OF_TEXT });
const Note = Type.Union([Type.String({ maxLength: 500, pattern: TEXT }), Type.Null()]);
const Status = Type.Enum(ORDER_STATUSES);
const Moment = Type.String({ format: 'date-time' });

const OrderLineCreate = Type.Object(
  {
    sku: Type.String({ minLength: 1, maxLength: 64, pattern: LINE_OF_TEXT }),
    quantity: Type.Integer({ minimum: 1, maximum: 1000 }),
    unit_price: Type.String({ pattern: DECIMAL, examples: ['12.50'] }),
  },
  { $id: 'OrderLineCreate', additionalProperties: false },
);

export const OrderCreate = Type.Object(
  {
    reference: Reference,
    currency: Type.String({ pattern: '^[A-Z]{3}$', description: 'ISO 4217 code' }),
    lines: Type.Array(ref(OrderLineCreate), { minItems: 1, maxItems: 100 }),
    note: Type.Optional(Note),
  },
  {
    $id: 'OrderCreate',
    additionalProperties: false,
    example: {
      reference: '2026-0001',
      currency: 'EUR',
      lines: [{ sku: 'TEA-500', quantity: 2, unit_price: '12.50' }],
      note: 'Ring twice',
    },
  },
);
export type OrderCreate = Static<typeof OrderCreate>;

export const OrderPatch = Type.Object(
  { reference: Type.Optional(Reference), note: Type.Optional(Note) },
  {
    $id: 'OrderPatch',
    additionalProperties: false,
    description: 'A merge patch (RFC 7396): fields that are absent do not change.',
    example: { note: 'Leave it at the door' },
  },
);
export type OrderPatch = Static<typeof OrderPatch>;

export const OrderQuery = Type.Object(
  {
    ...pageQuery,
    status: Type.Optional(Status),
    reference: Type.Optional(Reference),
    created_after: Type.Optional(Moment),
    created_before: Type.Optional(Moment),
  },
  { additionalProperties: false },
);
export type OrderQuery = Static<typeof OrderQuery>;

export const OrderParams = Type.Object({ order_id: Type.String({ format: 'uuid' }) });

const OrderLineRead = Type.Object(
  { sku: Type.String(), quantity: Type.Integer(), unit_price: Type.String({ examples: ['12.50'] }) },
  { $id: 'OrderLineRead' },
);

export const OrderRead = Type.Object(
  {
    id: Type.String({ format: 'uuid' }),
    reference: Type.String(),
    currency: Type.String(),
    status: Status,
    lines: Type.Array(ref(OrderLineRead)),
    total: Type.String({ examples: ['25.00'] }),
    note: Type.Union([Type.String(), Type.Null()]),
    created_at: Moment,
    updated_at: Moment,
  },
  { $id: 'OrderRead' },
);
export type OrderRead = Static<typeof OrderRead>;

export const OrderPage = pageOf('OrderPage', ref(OrderRead));

export const orderSchemas = [OrderLineCreate, OrderCreate, OrderPatch, OrderLineRead, OrderRead, OrderPage];

/** An order as the API shows it. */
export function represent(order: Order): OrderRead {
  return {
    id: order.id,
    reference: order.reference,
    currency: order.currency,
    status: order.status,
    lines: order.lines.map(({ sku, quantity, unit_price }) => ({ sku, quantity, unit_price: formatMoney(unit_price) })),
    total: formatMoney(totalOf(order)),
    note: order.note,
    created_at: order.created_at.toISOString(),
    updated_at: order.updated_at.toISOString(),
  };
}

export function totalOf({ lines }: Pick<Order, 'lines'>): bigint {
  return lines.reduce((total, { quantity, unit_price }) => total + BigInt(quantity) * unit_price, 0n);
}
