import { Injectable } from '@nestjs/common';
import type { SelectQueryBuilder } from 'kysely';

import { now } from '../clock.ts';
import type { Session } from '../database.ts';
import { isDuplicate } from '../dialect.ts';
import { ServiceError } from '../errors.ts';
import { isOlder } from '../keyset.ts';
import { type Cursor, type Slice, slice } from '../pagination.ts';
import { isAdmin, type Principal } from '../permissions.ts';
import type { Tables } from '../tables.ts';
import type { OrderStatus } from './status.ts';
import type { OrderLineRow, OrderRow } from './tables.ts';

type OrderLine = Omit<OrderLineRow, 'order_id' | 'position'>;

export interface Order extends OrderRow {
  lines: OrderLine[];
}

export interface OrderFilter {
  limit: number;
  after?: Cursor | undefined;
  status?: OrderStatus | undefined;
  reference?: string | undefined;
  createdAfter?: Date | undefined;
  createdBefore?: Date | undefined;
}

/** Reads and writes orders. A principal sees its own orders, an admin all. */
@Injectable()
export class OrdersRepository {
  /** @throws conflict if the reference is taken */
  async insert({ db }: Session, { lines, ...order }: Order): Promise<void> {
    await db.insertInto('orders').values(order).execute().catch(refuseDuplicate);
    const rows = lines.map((line, position) => ({ ...line, order_id: order.id, position }));
    await db.insertInto('order_lines').values(rows).execute();
  }

  /** @throws not_found */
  async find(session: Session, principal: Principal, id: string): Promise<Order> {
    const [order] = await withLines(session, visibleOrders(session, principal).where('id', '=', id));
    if (order === undefined) throw new ServiceError('not_found', 'There is no such order');
    return order;
  }

  /** Newest first. */
  async list(session: Session, principal: Principal, filter: OrderFilter): Promise<Slice<Order>> {
    const { limit, after, status, reference, createdAfter, createdBefore } = filter;
    let page = visibleOrders(session, principal);
    if (after !== undefined) page = page.where(isOlder('orders', after));
    if (status !== undefined) page = page.where('status', '=', status);
    if (reference !== undefined) page = page.where('reference', '=', reference);
    if (createdAfter !== undefined) page = page.where('created_at', '>', createdAfter);
    if (createdBefore !== undefined) page = page.where('created_at', '<', createdBefore);
    page = page
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1);
    return slice(await withLines(session, page), limit);
  }

  /**
   * Change fields of an order. Returns the new version of it.
   *
   * @throws conflict if the reference is taken, precondition_failed if somebody else has changed the order meanwhile
   */
  async update(
    { db }: Session,
    order: Order,
    changes: Partial<Pick<OrderRow, 'reference' | 'note' | 'status'>>,
  ): Promise<Order> {
    const changed = { ...changes, updated_at: now(), version: order.version + 1 };
    const { numUpdatedRows } = await db
      .updateTable('orders')
      .set(changed)
      .where('id', '=', order.id)
      .where('version', '=', order.version)
      .executeTakeFirst()
      .catch(refuseDuplicate);
    if (numUpdatedRows === 0n) throw new ServiceError('precondition_failed');
    return { ...order, ...changed };
  }

  /** Confirm those of these orders that are placed, whoever owns them. */
  async confirmPlaced({ db }: Session, ids: readonly string[]): Promise<void> {
    await db
      .updateTable('orders')
      .set((eb) => ({ status: 'confirmed', updated_at: now(), version: eb('version', '+', 1) }))
      .where('id', 'in', ids)
      .where('status', '=', 'placed')
      .execute();
  }

  async delete({ db }: Session, id: string): Promise<void> {
    await db.deleteFrom('orders').where('id', '=', id).execute();
  }

  /** Delete all orders of an owner. */
  async deleteAllOf({ db }: Session, owner: string): Promise<void> {
    await db.deleteFrom('orders').where('owner', '=', owner).execute();
  }
}

type Orders = SelectQueryBuilder<Tables, 'orders', OrderRow>;

function visibleOrders({ db }: Session, principal: Principal): Orders {
  const orders = db.selectFrom('orders').selectAll();
  return isAdmin(principal) ? orders : orders.where('owner', '=', principal.subject);
}

/** Load orders and their lines, newest first. One statement, so that both are of one snapshot. */
async function withLines({ db }: Session, orders: Orders): Promise<Order[]> {
  const rows = await db
    .selectFrom(orders.as('page'))
    .innerJoin('order_lines', 'order_lines.order_id', 'page.id')
    .selectAll('page')
    .select(['order_lines.sku', 'order_lines.quantity', 'order_lines.unit_price'])
    .orderBy('page.created_at', 'desc')
    .orderBy('page.id', 'desc')
    .orderBy('order_lines.position')
    .execute();
  const found = new Map<string, Order>();
  for (const { sku, quantity, unit_price, ...order } of rows) {
    const known = found.get(order.id) ?? { ...order, lines: [] };
    known.lines.push({ sku, quantity, unit_price });
    found.set(order.id, known);
  }
  return [...found.values()];
}

function refuseDuplicate(error: unknown): never {
  if (isDuplicate(error, 'orders', ['reference', 'owner']))
    throw new ServiceError('conflict', 'The reference is taken');
  throw error;
}
