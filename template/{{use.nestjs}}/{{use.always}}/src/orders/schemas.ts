/** Request and response bodies of orders. */

import { z } from 'zod';

import { DECIMAL, formatMoney } from '../money.ts';
import { pageOf, pageQuery } from '../web/pagination.ts';
import { Moment, text } from '../web/schemas.ts';
import type { Order } from './orders.repository.ts';
import { ORDER_STATUSES } from './status.ts';

// Control characters do not belong in a line of text, and some databases cannot store NUL.
const LINE_OF_TEXT = '^[^\\u0000-\\u001f\\u007f]*$';
const TEXT = '^[^\\u0000]*$';

const Reference = text(1, 64).regex(new RegExp(LINE_OF_TEXT));
const Note = text(0, 500).regex(new RegExp(TEXT)).nullable();
const Status = z.enum(ORDER_STATUSES);

const OrderLineCreate = z
  .strictObject({
    sku: text(1, 64).regex(new RegExp(LINE_OF_TEXT)),
    quantity: z.int().min(1).max(1000),
    unit_price: z
      .string()
      .regex(new RegExp(DECIMAL))
      .meta({ examples: ['12.50'] }),
  })
  .meta({ id: 'OrderLineCreate' });

export const OrderCreate = z
  .strictObject({
    reference: Reference,
    currency: z
      .string()
      .regex(/^[A-Z]{3}$/)
      .meta({ description: 'ISO 4217 code' }),
    lines: z.array(OrderLineCreate).min(1).max(100),
    note: Note.exactOptional(),
  })
  .meta({
    id: 'OrderCreate',
    example: {
      reference: '2026-0001',
      currency: 'EUR',
      lines: [{ sku: 'TEA-500', quantity: 2, unit_price: '12.50' }],
      note: 'Ring twice',
    },
  });
export type OrderCreate = z.infer<typeof OrderCreate>;

export const OrderPatch = z.strictObject({ reference: Reference.exactOptional(), note: Note.exactOptional() }).meta({
  id: 'OrderPatch',
  description: 'A merge patch (RFC 7396): fields that are absent do not change.',
  example: { note: 'Leave it at the door' },
});
export type OrderPatch = z.infer<typeof OrderPatch>;

export const OrderQuery = z.strictObject({
  ...pageQuery,
  status: Status.exactOptional(),
  reference: Reference.exactOptional(),
  created_after: Moment.exactOptional(),
  created_before: Moment.exactOptional(),
});
export type OrderQuery = z.infer<typeof OrderQuery>;

export const OrderParams = z.object({ order_id: z.uuid() });
export type OrderParams = z.infer<typeof OrderParams>;

const OrderLineRead = z
  .object({ sku: z.string(), quantity: z.int(), unit_price: z.string().meta({ examples: ['12.50'] }) })
  .meta({ id: 'OrderLineRead' });

export const OrderRead = z
  .object({
    id: z.uuid(),
    reference: z.string(),
    currency: z.string(),
    status: Status,
    lines: z.array(OrderLineRead),
    total: z.string().meta({ examples: ['25.00'] }),
    note: z.string().nullable(),
    created_at: z.iso.datetime(),
    updated_at: z.iso.datetime(),
  })
  .meta({ id: 'OrderRead' });
export type OrderRead = z.infer<typeof OrderRead>;

export const OrderPage = pageOf('OrderPage', OrderRead);

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
