/** Operations on orders. Each one runs inside a transaction. */

import { record } from '../auth/audit.ts';
import { newId, now } from '../clock.ts';
import type { Session } from '../database.ts';
import { ServiceError } from '../errors.ts';
import { publish } from '../messaging/events.ts';
import { formatMoney, parseMoney } from '../money.ts';
import type { Principal } from '../permissions.ts';
import { checkVersion, type Versions } from '../versions.ts';
import type { OrderPlaced } from './events.ts';
import { deleteOrder, findOrder, insertOrder, type Order, updateOrder } from './repository.ts';
import { type OrderCreate, type OrderPatch, totalOf } from './schemas.ts';

/**
 * Store an order, and publish `order.placed` in the same transaction.
 *
 * @throws conflict
 */
export async function placeOrder(session: Session, principal: Principal, body: OrderCreate): Promise<Order> {
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
  await insertOrder(session, order);
  const { id, owner, reference, currency } = order;
  const data: OrderPlaced = { reference, currency, total: formatMoney(totalOf(order)) };
  await publish(session, { type: 'order.placed', subject: id, data }, owner);
  return order;
}

/** @throws not_found, precondition_failed, invalid_state, conflict */
export async function amendOrder(
  session: Session,
  principal: Principal,
  id: string,
  changes: OrderPatch,
  versions: Versions,
): Promise<Order> {
  const order = await findOrder(session, principal, id);
  checkVersion(order.version, versions);
  if (order.status === 'cancelled') throw new ServiceError('invalid_state', 'A cancelled order cannot be changed');
  const amended = await updateOrder(session, order, changes);
  const before = { reference: order.reference, note: order.note };
  await audit(session, principal, order, 'order.amended', before, changes);
  return amended;
}

/** @throws not_found, precondition_failed, invalid_state */
export async function cancelOrder(
  session: Session,
  principal: Principal,
  id: string,
  versions: Versions,
): Promise<Order> {
  const order = await findOrder(session, principal, id);
  checkVersion(order.version, versions);
  if (order.status === 'cancelled') throw new ServiceError('invalid_state', 'The order is already cancelled');
  const cancelled = await updateOrder(session, order, { status: 'cancelled' });
  await audit(session, principal, order, 'order.cancelled', { status: order.status }, { status: cancelled.status });
  return cancelled;
}

/** @throws not_found, precondition_failed */
export async function removeOrder(
  session: Session,
  principal: Principal,
  id: string,
  versions: Versions,
): Promise<void> {
  const order = await findOrder(session, principal, id);
  checkVersion(order.version, versions);
  await deleteOrder(session, order.id);
  await audit(session, principal, order, 'order.deleted', { status: order.status }, {});
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
