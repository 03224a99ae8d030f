import { Injectable } from '@nestjs/common';

import { record } from '../auth/audit.ts';
import { newId, now } from '../clock.ts';
import { Database, type Session } from '../database.ts';
import { ServiceError } from '../errors.ts';
import { publish } from '../messaging/events.ts';
import { formatMoney, parseMoney } from '../money.ts';
import type { Slice } from '../pagination.ts';
import type { Principal } from '../permissions.ts';
import { checkVersion, type Versions } from '../versions.ts';
import type { OrderPlaced } from './events.ts';
import { type Order, type OrderFilter, OrdersRepository } from './orders.repository.ts';
import { type OrderCreate, type OrderPatch, totalOf } from './schemas.ts';

/** Operations on orders. Each one is a transaction of its own; only `place` is a part of that of its caller. */
@Injectable()
export class OrdersService {
  constructor(
    private readonly database: Database,
    private readonly orders: OrdersRepository,
  ) {}

  /** @throws not_found */
  find(principal: Principal, id: string): Promise<Order> {
    return this.database.read((session) => this.orders.find(session, principal, id));
  }

  /** Newest first. It may lack the latest changes. */
  list(principal: Principal, filter: OrderFilter): Promise<Slice<Order>> {
    return this.database.read((session) => this.orders.list(session, principal, filter), { staleOk: true });
  }

  /**
   * Store an order, and publish `order.placed` in the same transaction.
   *
   * @throws conflict
   */
  async place(session: Session, principal: Principal, body: OrderCreate): Promise<Order> {
    const placedAt = now();
    const order: Order = {
      id: newId(),
      owner: principal.subject,
      reference: body.reference,
      currency: body.currency,
      status: 'placed',
      note: body.note ?? null,
      created_at: placedAt,
      updated_at: placedAt,
      version: 1,
      lines: body.lines.map((line) => ({ ...line, unit_price: parseMoney(line.unit_price) })),
    };
    await this.orders.insert(session, order);
    const { id, owner, reference, currency } = order;
    const data: OrderPlaced = { reference, currency, total: formatMoney(totalOf(order)) };
    await publish(session, { type: 'order.placed', subject: id, data }, owner);
    return order;
  }

  /** @throws not_found, precondition_failed, invalid_state, conflict */
  amend(principal: Principal, id: string, changes: OrderPatch, versions: Versions): Promise<Order> {
    return this.database.transaction(async (session) => {
      const order = await this.orders.find(session, principal, id);
      checkVersion(order.version, versions);
      if (order.status === 'cancelled') throw new ServiceError('invalid_state', 'A cancelled order cannot be changed');
      const amended = await this.orders.update(session, order, changes);
      const before = { reference: order.reference, note: order.note };
      await audit(session, principal, order, 'order.amended', before, changes);
      return amended;
    });
  }

  /** @throws not_found, precondition_failed, invalid_state */
  cancel(principal: Principal, id: string, versions: Versions): Promise<Order> {
    return this.database.transaction(async (session) => {
      const order = await this.orders.find(session, principal, id);
      checkVersion(order.version, versions);
      if (order.status === 'cancelled') throw new ServiceError('invalid_state', 'The order is already cancelled');
      const cancelled = await this.orders.update(session, order, { status: 'cancelled' });
      const [before, after] = [{ status: order.status }, { status: cancelled.status }];
      await audit(session, principal, order, 'order.cancelled', before, after);
      return cancelled;
    });
  }

  /** @throws not_found, precondition_failed */
  async remove(principal: Principal, id: string, versions: Versions): Promise<void> {
    await this.database.transaction(async (session) => {
      const order = await this.orders.find(session, principal, id);
      checkVersion(order.version, versions);
      await this.orders.delete(session, order.id);
      await audit(session, principal, order, 'order.deleted', { status: order.status }, {});
    });
  }
}

/** Record the change in the audit log if the principal is not the owner, but an admin. */
async function audit(
  session: Session,
  principal: Principal,
  order: Order,
  action: string,
  before: Record<string, unknown>,
  after: Record<string, unknown>,
): Promise<void> {
  if (principal.subject !== order.owner)
    await record(session, { action, subject: order.id, owner: order.owner, before, after });
}
