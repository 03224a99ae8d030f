/** Handlers of events that change orders. */

import type { Session } from '../database.ts';
import type { Event } from '../messaging/events.ts';
import { OrdersRepository } from './orders.repository.ts';

// The worker runs without modules.
const orders = new OrdersRepository();

/** Confirm the orders that are still placed, not those that have been cancelled or deleted. */
export async function confirmOrders(session: Session, events: readonly Event[]): Promise<void> {
  await orders.confirmPlaced(
    session,
    events.map(({ subject }) => subject),
  );
}
